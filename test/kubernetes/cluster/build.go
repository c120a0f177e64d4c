package cluster

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Links of the binary node, by the names of the programs that it is.
var links = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"}

// sources decide what is built: a change of one is another build.
var sources = []string{"go.mod", "go.sum", "main.go", "coredns/main.go"}

// Build returns the folder of the programs of a module (the folder node), which it builds if nobody has built them on this machine: some ten
// minutes on two processors. They are kept in the user's cache by the hash of what they are made of. A second process waits for the first.
func Build(ctx context.Context, module string, say func(format string, args ...any)) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, name := range sources {
		content, err := os.ReadFile(filepath.Join(module, name))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %d %s", name, len(content), content)
	}
	home := filepath.Join(cache, "bartizan", "kubernetes", fmt.Sprintf("%.8x", sum.Sum(nil)))
	if err := os.MkdirAll(filepath.Dir(home), 0o700); err != nil {
		return "", err
	}
	unlock, err := lock(ctx, home+".lock", say)
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(home); err == nil {
		return home, nil
	}
	if err := build(ctx, module, home, say); err != nil {
		return "", fmt.Errorf("build the node's programs: %w", err)
	}
	return home, nil
}

// build builds beside home and renames, so that home is there whole or not at all.
func build(ctx context.Context, module, home string, say func(format string, args ...any)) error {
	next := home + ".next"
	if err := errors.Join(os.RemoveAll(next), os.MkdirAll(next, 0o700)); err != nil {
		return err
	}
	flags, err := versionFlags(ctx, module)
	if err != nil {
		return err
	}
	say("building the node's programs; once for a version, some ten minutes on two processors")
	cmd := exec.CommandContext(ctx, "go", "-C", module, "build", "-v", "-trimpath", fmt.Sprintf("-p=%d", min(runtime.NumCPU(), 8)),
		"-ldflags", flags, "-o", next+"/", ".", "./coredns", "tool")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if err := runCounting(cmd, say); err != nil {
		return err
	}
	for _, name := range links {
		if err := os.Symlink("node", filepath.Join(next, name)); err != nil {
			return err
		}
	}
	return os.Rename(next, home)
}

// versionFlags make the programs say the version that they are of, instead of one that says that nobody knows.
func versionFlags(ctx context.Context, module string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "-C", module, "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes").Output()
	if err != nil {
		return "", fmt.Errorf("read the version of Kubernetes: %w", err)
	}
	version := strings.TrimSpace(string(out))
	parts := strings.Split(strings.TrimPrefix(version, "v"), ".")
	flags := "-s -w"
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		for _, value := range []string{"gitVersion=" + version, "gitMajor=" + parts[0], "gitMinor=" + parts[1], "gitTreeState=clean", "gitCommit=module", "buildDate=2026-01-01T00:00:00Z"} {
			flags += " -X " + pkg + "." + value
		}
	}
	return flags, nil
}

// runCounting runs go build -v and says from time to time how many packages it has come to. Its other words are part of the error.
func runCounting(cmd *exec.Cmd, say func(format string, args ...any)) error {
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var packages atomic.Int64
	tick := time.NewTicker(30 * time.Second)
	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-tick.C:
				say("  %d packages", packages.Load())
			case <-done:
				return
			}
		}
	}()
	var last []string // of what may be an error's lines
	for lines := bufio.NewScanner(io.LimitReader(stderr, 64<<20)); lines.Scan(); {
		packages.Add(1)
		last = append(last, lines.Text())
		last = last[max(0, len(last)-40):]
	}
	err = cmd.Wait()
	tick.Stop()
	close(done)
	<-stopped
	if err != nil {
		return fmt.Errorf("%w\n%s", err, strings.Join(last, "\n"))
	}
	return nil
}

// lock waits for a lock file until ctx ends.
func lock(ctx context.Context, path string, say func(format string, args ...any)) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for waited := false; ; waited = true {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			f.Close()
			return nil, err
		}
		if !waited {
			say("waiting for another process that builds the same")
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
}
