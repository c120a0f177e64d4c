//go:build linux

package proc

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sleeper is a process of another program, with an id of its own.
func sleeper(t *testing.T) int {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd.Process.Pid
}

func TestCPUTime(t *testing.T) {
	before, err := CPUTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	begin, used := time.Now(), time.Duration(0)
	for used < 5*time.Millisecond && time.Since(begin) < 10*time.Second { // on a busy machine, others are served between
		spin(5 * time.Millisecond)
		after, err := CPUTime(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		used = after - before
	}
	if passed := time.Since(begin); used < 5*time.Millisecond || used > 8*passed {
		t.Errorf("used %s while spinning for %s", used, passed)
	}
	if idle, err := CPUTime(sleeper(t)); err != nil || idle > time.Second {
		t.Errorf("a sleeper used %s, %v", idle, err)
	}
}

func spin(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}

func TestMemory(t *testing.T) {
	now, peak, err := Memory(os.Getpid())
	if err != nil || now < 1<<20 || peak < now {
		t.Errorf("now %d, peak %d, %v", now, peak, err)
	}
}

func TestPinAllThreads(t *testing.T) {
	mine, err := CPUs()
	if err != nil || len(mine) == 0 {
		t.Fatalf("own CPUs %v, %v", mine, err)
	}
	want := mine[len(mine)-1]
	pid := sleeper(t)
	if err := Pin(pid, want); err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(status), fmt.Sprintf("Cpus_allowed_list:\t%d\n", want)) {
		t.Errorf("not pinned to %d: %s", want, status)
	}
	// All threads of a process of many: this one, put back afterwards.
	defer Pin(os.Getpid(), mine...)
	if err := Pin(os.Getpid(), want); err != nil {
		t.Fatal(err)
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		var id int
		fmt.Sscan(thread.Name(), &id)
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(id, &set); err == nil && (set.Count() != 1 || !set.IsSet(want)) {
			t.Errorf("thread %d of %d may run elsewhere", id, len(threads))
		}
	}
}

func TestGone(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	if _, err := CPUTime(pid); err == nil {
		t.Error("CPU time of a process that is gone")
	}
	if _, _, err := Memory(pid); err == nil {
		t.Error("memory of a process that is gone")
	}
	if err := Pin(pid, 0); err == nil {
		t.Error("pinned a process that is gone")
	}
	if err := Pin(os.Getpid()); err == nil {
		t.Error("pinned to no CPU")
	}
}
