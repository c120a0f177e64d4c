package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"bartizan/envoy"
)

// machine is where and with what a run was made.
type machine struct {
	cpu       string
	cores     int
	kernel    string
	goVersion string
	envoy     string
	commit    string // of the checkout, and whether it was changed
}

func thisMachine(ctx context.Context) machine {
	m := machine{cpu: cpuModel(), cores: runtime.NumCPU(), kernel: kernel(), goVersion: runtime.Version(), envoy: "unknown", commit: commit(ctx)}
	if pin, err := envoy.Pinned(); err == nil {
		m.envoy = pin.Version
	}
	return m
}

func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, found := strings.Cut(lines.Text(), ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown CPU (" + runtime.GOARCH + ")"
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return runtime.GOOS
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}

// commit asks git, which reads only.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
