//go:build linux

package proc

import (
	"bytes"
	"testing"
	"time"
)

func TestCoreTime(t *testing.T) {
	cpus, err := CPUs()
	if err != nil {
		t.Fatal(err)
	}
	before, err := CoreTime(cpus[0])
	if err != nil {
		t.Fatal(err)
	}
	spin(50 * time.Millisecond)
	after, err := CoreTime(cpus[0])
	if err != nil {
		t.Fatal(err)
	}
	d := after.Since(before)
	if ticks := d.Busy + d.Stolen + d.Idle; ticks < 1 || ticks > 500 {
		t.Errorf("%d ticks of a hundredth of a second passed in some 50 ms: %+v", ticks, d)
	}
	if _, err := CoreTime(4096); err == nil {
		t.Error("there is a CPU 4096")
	}
}

func TestParseCore(t *testing.T) {
	got, err := parseCore(bytes.Fields([]byte("10 1 5 80 2 1 3 7 4 0")))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Core{Busy: 20, Stolen: 7, Idle: 82}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if busy, stolen := (Core{Busy: 3, Stolen: 1, Idle: 4}).Shares(); busy != 0.375 || stolen != 0.125 {
		t.Errorf("shares %v and %v", busy, stolen)
	}
	for _, bad := range []string{"", "1 2 3", "1 2 3 4 5 6 7 x"} {
		if _, err := parseCore(bytes.Fields([]byte(bad))); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
