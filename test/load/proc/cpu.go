//go:build linux

package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// CPUTime is the user and system time that process pid has used since its start, without its children's.
func CPUTime(pid int) (time.Duration, error) {
	// clock_getcpuclockid(3): the inverted id, and in the low bits 2 (CPUCLOCK_SCHED) without the per-thread bit 4. Unlike
	// /proc/<pid>/schedstat it holds all threads, and unlike /proc/<pid>/stat it is not rounded to 10 ms.
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &ts); err != nil {
		return 0, fmt.Errorf("read CPU time of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// Memory is the resident memory of process pid in bytes: now, and at its highest.
func Memory(pid int) (now, peak int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("read memory of process %d: %w", pid, err)
	}
	now, err = kilobytes(status, "VmRSS:")
	if err == nil {
		peak, err = kilobytes(status, "VmHWM:")
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read memory of process %d: %w", pid, err)
	}
	return now, peak, nil
}

// kilobytes reads a line such as "VmRSS:	  1234 kB" as bytes.
func kilobytes(status []byte, name string) (int64, error) {
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
			fields := bytes.Fields(rest)
			if len(fields) != 2 {
				break
			}
			n, err := strconv.ParseInt(string(fields[0]), 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.New("no " + name)
}

// Pin lets all threads of process pid run on these CPUs only; threads made later inherit it.
func Pin(pid int, cpus ...int) error {
	if len(cpus) == 0 {
		return errors.New("pin process: no CPU named")
	}
	var set unix.CPUSet
	for _, c := range cpus {
		set.Set(c)
	}
	pinned := map[int]bool{}
	for {
		before := len(pinned)
		if err := pinThreads(pid, &set, pinned); err != nil {
			return fmt.Errorf("pin process %d to CPUs %v: %w", pid, cpus, err)
		}
		if len(pinned) == before {
			return nil // a whole pass met no thread that an unpinned one had made meanwhile
		}
	}
}

// pinThreads pins the threads that are not in pinned, and puts them there.
func pinThreads(pid int, set *unix.CPUSet, pinned map[int]bool) error {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return err
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil || pinned[id] {
			continue
		}
		if err := unix.SchedSetaffinity(id, set); err != nil && !errors.Is(err, unix.ESRCH) { // ESRCH: it has ended
			return err
		}
		pinned[id] = true
	}
	return nil
}

// CPUs lists the CPUs that this process may run on.
func CPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(os.Getpid(), &set); err != nil {
		return nil, fmt.Errorf("read own CPUs: %w", err)
	}
	var out []int
	for i := 0; len(out) < set.Count(); i++ {
		if set.IsSet(i) {
			out = append(out, i)
		}
	}
	return out, nil
}
