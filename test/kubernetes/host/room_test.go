package host

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// insideVariable says to this test binary, run again, that it is the first process of a room with this folder.
const insideVariable = "BARTIZAN_TEST_ROOM"

func TestMain(m *testing.M) {
	if dir := os.Getenv(insideVariable); dir != "" {
		if err := inside(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// inside furnishes the room, leaves what a node leaves, and ends without clearing up.
func inside(dir string) error {
	if err := Enter(dir); err != nil {
		return err
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(addresses, func(a net.Addr) bool { return strings.HasPrefix(a.String(), Address+"/") }) {
		return fmt.Errorf("the room has addresses %v", addresses)
	}
	if err := os.WriteFile("/var/lib/mark", []byte("x"), 0o600); err != nil {
		return err
	}
	if value, err := os.ReadFile("/proc/sys/kernel/panic"); err != nil || string(value) != "10\n" {
		return fmt.Errorf("the room shows kernel.panic %q: %w", value, err)
	}
	all, err := hierarchies()
	if err != nil {
		return err
	}
	sleeper := exec.Command("sleep", "600")
	if err := sleeper.Start(); err != nil {
		return err
	}
	for _, h := range all {
		below := filepath.Join(h, os.Getenv(insideVariable+"_CGROUP"), "pod")
		if err := os.MkdirAll(below, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func TestRoom(t *testing.T) {
	if err := Check(); err != nil {
		t.Skip(err)
	}
	panicBefore, err := os.ReadFile("/proc/sys/kernel/panic")
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewRoom()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), insideVariable+"="+r.Dir, insideVariable+"_CGROUP="+r.Cgroup)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := r.Run(ctx, cmd); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	if _, err := os.Stat(filepath.Join(r.Dir, "var-lib", "mark")); err != nil {
		t.Errorf("the room's /var/lib is not in its folder: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if after, err := os.ReadFile("/proc/sys/kernel/panic"); err != nil || string(after) != string(panicBefore) {
		t.Errorf("kernel.panic is %q, was %q: %v", after, panicBefore, err)
	}
}

// TestLeftBehind: what is left is said.
func TestLeftBehind(t *testing.T) {
	if err := Check(); err != nil {
		t.Skip(err)
	}
	r, err := NewRoom()
	if err != nil {
		t.Fatal(err)
	}
	sleeper := exec.Command("sleep", "600")
	sleeper.Args[0] = r.Dir + "/sleep"
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	err = r.Close()
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("process %d", sleeper.Process.Pid)) {
		t.Errorf("a process is left, and the error is %v", err)
	}
	_ = sleeper.Process.Kill()
	_ = sleeper.Wait()
}
