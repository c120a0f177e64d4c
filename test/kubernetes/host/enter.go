package host

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Address is the node's address in the room.
const Address = "10.99.0.2"

// sysctls that a kubelet insists on. They are not namespaced: the room shows it the values that it wants instead of changing the machine's.
var sysctls = map[string]string{
	"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
	"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
}

// resolver finds the names of Services, as in a pod, once the cluster's DNS runs.
const resolver = "nameserver 10.96.0.10\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"

// Enter furnishes the room from within, as its first process: mounts, and a network that has the node's address and leads nowhere.
func Enter(dir string) error {
	if os.Getpid() != 1 {
		return fmt.Errorf("process %d is not the first of a room", os.Getpid())
	}
	if err := mounts(dir); err != nil {
		return fmt.Errorf("mount the room's folders: %w", err)
	}
	if err := network(); err != nil {
		return fmt.Errorf("make the room's network: %w", err)
	}
	return unix.Sethostname([]byte("node1"))
}

func mounts(dir string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil { // nothing goes back to the machine
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil { // volumes reach the containers
		return err
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"); err != nil {
		return err
	}
	for _, folder := range []string{"lib", "log"} {
		own := filepath.Join(dir, "var-"+folder)
		if err := os.MkdirAll(own, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(own, "/var/"+folder, "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	if err := over("/etc/resolv.conf", resolver); err != nil {
		return err
	}
	for name, value := range sysctls {
		if err := over("/proc/sys/"+name, value+"\n"); err != nil {
			return err
		}
	}
	return os.MkdirAll("/var/lib/kubelet", 0o755)
}

// over puts another content over a file, for this room.
func over(file, content string) error {
	own := filepath.Join("/run", strings.ReplaceAll(file, "/", "-"))
	if err := os.WriteFile(own, []byte(content), 0o644); err != nil {
		return err
	}
	return unix.Mount(own, file, "", unix.MS_BIND, "")
}

// network: an empty bridge carries the address, for want of a dummy interface in some kernels; the default route is what a kubelet looks for.
func network() error {
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		{"link", "add", "node0", "type", "bridge"},
		{"addr", "add", Address + "/24", "dev", "node0"},
		{"link", "set", "node0", "up"},
		{"route", "add", "default", "via", "10.99.0.1", "dev", "node0"},
	} {
		ip, err := lookPath("ip")
		if err != nil {
			return err
		}
		if out, err := exec.Command(ip, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %v: %w\n%s", args, err, out)
		}
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1\n"), 0)
}
