//go:build linux

package proc

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Core is how the time of one CPU was spent since the machine started, in ticks of the kernel (a hundredth of a second).
type Core struct {
	Busy   int64 // by any process, or by the kernel
	Stolen int64 // by other guests of the same host
	Idle   int64 // waiting for a disk included
}

// CoreTime reads how CPU n has spent its time.
func CoreTime(n int) (Core, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return Core{}, fmt.Errorf("read time of CPU %d: %w", n, err)
	}
	name := fmt.Appendf(nil, "cpu%d ", n)
	for line := range bytes.Lines(stat) {
		if rest, ok := bytes.CutPrefix(line, name); ok {
			return parseCore(bytes.Fields(rest))
		}
	}
	return Core{}, fmt.Errorf("read time of CPU %d: /proc/stat does not list it", n)
}

// parseCore reads user, nice, system, idle, iowait, irq, softirq, steal (proc_stat(5)); guest time, after them, is in user already.
func parseCore(fields [][]byte) (Core, error) {
	const known = 8
	if len(fields) < known {
		return Core{}, fmt.Errorf("read time of a CPU: %d fields in /proc/stat, want %d", len(fields), known)
	}
	var ticks [known]int64
	for i := range ticks {
		n, err := strconv.ParseInt(string(fields[i]), 10, 64)
		if err != nil {
			return Core{}, fmt.Errorf("read time of a CPU: %w", err)
		}
		ticks[i] = n
	}
	return Core{Busy: ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6], Stolen: ticks[7], Idle: ticks[3] + ticks[4]}, nil
}

// Since is what was spent after an earlier reading.
func (c Core) Since(before Core) Core {
	return Core{Busy: c.Busy - before.Busy, Stolen: c.Stolen - before.Stolen, Idle: c.Idle - before.Idle}
}

// Shares are the parts of the whole that were busy and stolen, 0 to 1.
func (c Core) Shares() (busy, stolen float64) {
	all := float64(c.Busy + c.Stolen + c.Idle)
	if all == 0 {
		return 0, 0
	}
	return float64(c.Busy) / all, float64(c.Stolen) / all
}
