package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// Room is what a node runs in. Its owner runs one command in it.
type Room struct {
	Dir    string // on disk, private, short: the room's /var/lib and /var/log are below it
	Cgroup string // absolute within each hierarchy

	group  cgroup
	before state
}

// state is what of a machine a room could leave changed.
type state struct {
	mounts     []string
	interfaces []string
}

// NewRoom makes the folder and the cgroup.
func NewRoom() (*Room, error) {
	removeStale()
	before, err := look()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bzk")
	if err != nil {
		return nil, err
	}
	r := &Room{Dir: dir, group: ownGroup(), before: before}
	r.Cgroup = "/" + string(r.group)
	if err := r.group.make(); err != nil {
		return nil, errors.Join(fmt.Errorf("make cgroup: %w", err), os.RemoveAll(dir))
	}
	return r, nil
}

// Run runs a command as the first process of the room and waits for it. Whatever it has started has ended then. When ctx ends it is killed.
func (r *Room) Run(ctx context.Context, cmd *exec.Cmd) error {
	runtime.LockOSThread() // the child is killed when the thread ends that started it
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })()
	return cmd.Wait()
}

// Close removes the folder and the cgroup, and is an error if anything is left.
func (r *Room) Close() error {
	err := errors.Join(r.group.remove(), os.RemoveAll(r.Dir))
	after, lookErr := look()
	left := r.group.leftGroups()
	for _, m := range after.mounts {
		if !slices.Contains(r.before.mounts, m) {
			left = append(left, "mount "+m)
		}
	}
	for _, i := range after.interfaces {
		if !slices.Contains(r.before.interfaces, i) {
			left = append(left, "interface "+i)
		}
	}
	left = append(left, r.processes()...)
	if len(left) > 0 {
		err = errors.Join(err, fmt.Errorf("left behind: %s", strings.Join(left, ", ")))
	}
	return errors.Join(err, lookErr)
}

// look sees the mounts and interfaces of the calling process's namespaces.
func look() (s state, err error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return s, err
	}
	s.mounts = strings.Split(strings.TrimSpace(string(mounts)), "\n")
	all, err := net.Interfaces()
	for _, i := range all {
		s.interfaces = append(s.interfaces, i.Name)
	}
	return s, err
}

// processes are those that name the room's folder or are in its cgroup.
func (r *Room) processes() (left []string) {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range all {
		command, _ := os.ReadFile(filepath.Join(p, "cmdline"))
		groups, _ := os.ReadFile(filepath.Join(p, "cgroup"))
		if strings.Contains(string(command), r.Dir+"/") || strings.Contains(string(groups), r.Cgroup+"/") {
			left = append(left, fmt.Sprintf("process %s (%s)", filepath.Base(p), strings.ReplaceAll(string(command), "\x00", " ")))
		}
	}
	return left
}
