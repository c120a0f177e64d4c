package envoy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// versionTime bounds `envoy --version`. It answers in milliseconds, but its 107 MB may come from a cold disk.
const versionTime = 30 * time.Second

var versionForm = regexp.MustCompile(`version: [0-9a-f]+/([0-9]+\.[0-9]+)\.([0-9]+)[^/]*/`)

// checkVersion runs the binary once: that proves that it is an Envoy, of the pinned minor version, and that this machine can run it.
func checkVersion(ctx context.Context, binary string, pin Requirement) error {
	ctx, cancel := context.WithTimeout(ctx, versionTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "--version")
	cmd.Env = []string{}
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return explainExec(ctx, binary, string(out), err)
	}
	m := versionForm.FindStringSubmatch(string(out))
	if m == nil {
		return fmt.Errorf("%s is not an Envoy: its --version says %q", binary, firstLine(string(out)))
	}
	if m[1] != pin.minor() {
		return fmt.Errorf("%s is Envoy %s.%s, and Bartizan needs %s.x (pinned: %s)", binary, m[1], m[2], pin.minor(), pin.Version)
	}
	return nil
}

// explainExec says why a binary did not run, in one line.
func explainExec(ctx context.Context, binary, out string, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s did not answer --version: %w", binary, ctx.Err())
	case strings.Contains(out, "GLIBC_"):
		return fmt.Errorf("%s needs glibc 2.31 or newer, and this system has an older one: %s", binary, firstLine(out))
	case errors.Is(err, fs.ErrNotExist) && exists(binary):
		return fmt.Errorf("%s needs glibc 2.31 or newer, and this system has no glibc (musl?): %w", binary, err)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("%s is not for this kind of machine: %w", binary, err)
	}
	if line := firstLine(out); line != "" {
		return fmt.Errorf("run %s --version: %w: %s", binary, err, line)
	}
	return fmt.Errorf("run %s --version: %w", binary, err)
}

// firstLine returns the first line of s that is not blank, cut to what fits in a message.
func firstLine(s string) string {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			return clip(line, 300)
		}
	}
	return ""
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
