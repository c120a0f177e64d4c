package env

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Process is a child process whose output is kept.
type Process struct {
	name string
	cmd  *exec.Cmd
	out  output
	done chan struct{}
	err  error
}

// output keeps the last bytes written.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const maxOutput = 1 << 20

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.buf.Len()+len(p) > maxOutput {
		o.buf.Next(o.buf.Len() / 2)
	}
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// Run starts a binary whose name is said in errors. env is added to this process's environment.
func Run(name, binary string, env []string, args ...string) (*Process, error) {
	p := &Process{name: name, cmd: exec.Command(binary, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.WaitDelay = 2 * time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Output is what the process has written, both streams.
func (p *Process) Output() string { return p.out.String() }

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Signal sends a signal; SIGSTOP and SIGCONT are useful ones.
func (p *Process) Signal(sig syscall.Signal) error { return p.cmd.Process.Signal(sig) }

// Kill ends the process at once and waits for it.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Stop asks the process to end, and returns how it did. After 30 s it is killed.
func (p *Process) Stop() error {
	_ = p.Signal(syscall.SIGCONT)
	_ = p.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return p.err
	case <-time.After(30 * time.Second):
		p.Kill()
		return fmt.Errorf("%s did not stop in 30 s", p.name)
	}
}

// await polls until ready says true, the process ends, or ctx does.
func (p *Process) await(ctx context.Context, what string, ready func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-p.done:
			return fmt.Errorf("%s ended while waiting for %s: %w\n%s", p.name, what, errors.Join(p.err), p.Output())
		case <-ctx.Done():
			return fmt.Errorf("%s: no %s: %w\n%s", p.name, what, ctx.Err(), p.Output())
		case <-tick.C:
		}
	}
	return nil
}

// Binary builds bartizan, once per process; BARTIZAN_BINARY names one that is built already.
func Binary() (string, error) { return build() }

var build = sync.OnceValues(func() (string, error) {
	if given := os.Getenv("BARTIZAN_BINARY"); given != "" {
		return given, nil
	}
	root, err := ModuleRoot()
	if err != nil {
		return "", err
	}
	return buildInto(filepath.Join(root, ".bartizan", "test"), root)
})

// buildInto builds the binary under a name of its content, so that several test processes can do so at once, and removes those
// of former builds.
func buildInto(dir, root string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	next := filepath.Join(dir, fmt.Sprintf("next-%d", os.Getpid()))
	defer os.Remove(next)
	cmd := exec.Command("go", "build", "-o", next, ".")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build bartizan: %w\n%s", err, out)
	}
	content, err := os.ReadFile(next)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, fmt.Sprintf("bartizan-%x", sha256.Sum256(content)))
	if err := os.Rename(next, binary); err != nil {
		return "", err
	}
	return binary, removeOld(dir, binary)
}

// removeOld removes binaries that nobody has built for an hour: a test process that still runs one has long opened it.
func removeOld(dir, but string) error {
	binaries, err := filepath.Glob(filepath.Join(dir, "bartizan-*"))
	for _, b := range binaries {
		if info, err := os.Stat(b); b != but && err == nil && time.Since(info.ModTime()) > time.Hour {
			os.Remove(b)
		}
	}
	return err
}

// ModuleRoot is the folder of go.mod above the working directory.
func ModuleRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		err = errors.New("no go.mod above the working directory")
	}
	return "", err
}
