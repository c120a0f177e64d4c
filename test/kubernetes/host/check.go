package host

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// namespaces that a room has of its own.
const namespaces = syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS

// Check says why a node cannot run on this machine; nil where it can.
func Check() error {
	switch {
	case runtime.GOOS != "linux" || runtime.GOARCH != "amd64":
		return fmt.Errorf("this is %s on %s: a node needs Linux on amd64", runtime.GOOS, runtime.GOARCH)
	case os.Geteuid() != 0:
		return errors.New("it needs root, for namespaces, mounts and cgroups")
	}
	probe := exec.Command("/bin/true")
	probe.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces}
	if err := probe.Run(); err != nil {
		return fmt.Errorf("this root may not make namespaces (in a container: one that is not privileged?): %w", err)
	}
	group := ownGroup()
	if err := group.make(); err != nil {
		return fmt.Errorf("this root may not make cgroups: %w", err)
	}
	if err := group.remove(); err != nil {
		return err
	}
	if _, err := os.Stat("/dev/kmsg"); err != nil {
		return fmt.Errorf("the kubelet reads the kernel's messages: %w", err)
	}
	return nil
}

// programs of Debian packages that a node needs.
var programs = map[string]string{
	"containerd": "containerd", "containerd-shim-runc-v2": "containerd", "ctr": "containerd", "runc": "runc",
	"nft": "nftables", "ip": "iproute2", "git": "git", "ldd": "libc-bin", "mount": "mount",
}

// Install installs the Debian packages whose programs are not there. say is told of it.
func Install(say func(format string, args ...any)) error {
	missing := map[string]bool{}
	for program, pkg := range programs {
		if _, err := lookPath(program); err != nil {
			missing[pkg] = true
		}
	}
	if len(missing) == 0 {
		return nil
	}
	words := []string{"install", "-y", "-qq", "--no-install-recommends"}
	for pkg := range missing {
		words = append(words, pkg)
	}
	say("installing %s", strings.Join(words[4:], ", "))
	for _, args := range [][]string{{"update", "-qq"}, words} {
		cmd := exec.Command("apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1") // no service is started
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
		}
	}
	return nil
}

// lookPath looks where system programs are too: not every root's PATH names these folders.
func lookPath(program string) (string, error) {
	for _, folder := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		if info, err := os.Stat(filepath.Join(folder, program)); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return filepath.Join(folder, program), nil
		}
	}
	return "", fmt.Errorf("no program %s", program)
}
