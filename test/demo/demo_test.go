package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"bartizan/test/env"
)

// output is what the demo printed. seen is called, if set, after each write.
type output struct {
	mu   sync.Mutex
	text strings.Builder
	seen func(string)
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	if o.seen != nil {
		o.seen(o.text.String())
	}
	return len(p), nil
}

// play runs the demo with temporary files in a folder of its own, and checks that it leaves nothing there.
func play(t *testing.T, ctx context.Context, policies fs.FS, out *output) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	binary, err := env.Binary()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	err = run(ctx, binary, policies, newScreen(out, false))
	left, readErr := os.ReadDir(folder)
	if readErr != nil || len(left) != 0 {
		t.Errorf("files left behind: %v %v", left, readErr)
	}
	for _, command := range processes(t) {
		if strings.Contains(command, folder) {
			t.Errorf("process left behind: %s", command)
		}
	}
	return err
}

// processes are the command lines of this machine, where it tells.
func processes(t *testing.T) (commands []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, _ := os.ReadFile(f) // it may have ended
		commands = append(commands, strings.ReplaceAll(string(raw), "\x00", " "))
	}
	return commands
}

func TestDemo(t *testing.T) {
	var out output
	if err := play(t, t.Context(), policies, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.text.String())
	}
	text := out.text.String()
	if got := strings.Count(text, "\n   ok\n"); got != 8 {
		t.Errorf("%d steps are ok, want 8:\n%s", got, text)
	}
	for _, want := range []string{
		"ALLOW    llm  ana@example.com  anthropic/messages  claude-sonnet-5  1200→34 tok",
		`DENY     mcp  ana@example.com  warehouse/tools/call  update_sales  rule finance-tools/reads-only  "Finance analysts`,
		"tools.yaml:13:42: undefined field 'readOnlyHnit'",
		"exit code 3",
		"8 of 8 steps as promised",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the demo does not show %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b") || regexp.MustCompile(`\bbz-[a-z2-7]{52}\b`).MatchString(text) {
		t.Errorf("colour without a terminal, or a key:\n%s", text)
	}
}

// TestDemoNotices: where the gateway does not do what was promised, the demo says so.
func TestDemoNotices(t *testing.T) {
	lax := fstest.MapFS{}
	names, err := fs.Glob(policies, "policies/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		raw, err := policies.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lax[name] = &fstest.MapFile{Data: []byte(strings.Replace(string(raw), "severity: high", "severity: low\n      on: [tools/list]", 1))}
	}
	tools := lax["policies/tools.yaml"]
	tools.Data = []byte(strings.Replace(string(tools.Data), "      on: [tools/call]\n", "", 1)) // writes are not refused any more
	var out output
	if err := play(t, t.Context(), lax, &out); !errors.Is(err, errFailed) {
		t.Fatalf("error %v, want that expectations failed\n%s", err, out.text.String())
	}
	text := out.text.String()
	for _, want := range []string{"FAILED: ", "calls that the warehouse saw: 1, expected 0", " of 8 steps as promised", "The gateway's last words:"} {
		if !strings.Contains(text, want) {
			t.Errorf("the demo does not say %q:\n%s", want, text)
		}
	}
}

// TestDemoInterrupted ends it while it starts and in its middle.
func TestDemoInterrupted(t *testing.T) {
	for _, at := range []string{"Starting", "3  A tool"} {
		ctx, cancel := context.WithCancel(t.Context())
		out := output{seen: func(text string) {
			if strings.Contains(text, at) {
				cancel()
			}
		}}
		if err := play(t, ctx, policies, &out); err == nil || err.Error() != "interrupted" {
			t.Errorf("interrupted at %q: %v\n%s", at, err, out.text.String())
		}
		cancel()
	}
}

func TestPosition(t *testing.T) {
	if got := position("a: é\n  b: typo\n", "f.yaml", "typo"); got != "f.yaml:2:6: " {
		t.Errorf("got %s", got)
	}
}
