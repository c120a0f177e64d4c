package envoy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lines is a slog.Handler that keeps what the relay passes on.
type lines []string

func (*lines) Enabled(context.Context, slog.Level) bool { return true }
func (l *lines) WithAttrs([]slog.Attr) slog.Handler     { return l }
func (l *lines) WithGroup(string) slog.Handler          { return l }

func (l *lines) Handle(_ context.Context, r slog.Record) error {
	text := r.Level.String()
	r.Attrs(func(a slog.Attr) bool { text += "|" + a.Value.String(); return true })
	*l = append(*l, text)
	return nil
}

// relayed returns what is passed on when text arrives in pieces of n bytes.
func relayed(text []byte, n int) (lines, *relay) {
	var got lines
	r := &relay{log: slog.New(&got)}
	for len(text) > 0 {
		k := min(n, len(text))
		r.Write(text[:k])
		text = text[k:]
	}
	r.Close()
	return got, r
}

func TestRelay(t *testing.T) {
	in := "[info][main] starting\n" +
		"[warning][config] a [b] c\n" +
		"[critical][main] broken\r\n" +
		"\n" +
		"envoy: version `GLIBC_2.31' not found\n" +
		"[loud][main] what\n" +
		"[info] no component\n" +
		`[warning][config] delta config for L rejected: bad\n` + "\n" +
		`[warning][config] gRPC config for L rejected: bad\n` + "\n" +
		"[error][config] no end"
	want := lines{
		"INFO|main|starting",
		"WARN|config|a [b] c",
		"ERROR|main|broken",
		"WARN||envoy: version `GLIBC_2.31' not found",
		"WARN||[loud][main] what",
		"WARN||[info] no component",
		"ERROR|config|delta config for L rejected: bad",
		"DEBUG|config|gRPC config for L rejected: bad",
		"ERROR|config|no end",
	}
	for n := 1; n <= len(in); n++ {
		got, _ := relayed([]byte(in), n)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("in pieces of %d (-want +got):\n%s", n, diff)
		}
	}
}

func TestRelayOfAnEnding(t *testing.T) {
	var got lines
	var ending atomic.Bool
	r := &relay{log: slog.New(&got), ending: &ending}
	const closed = "[warning][config] DeltaSecrets gRPC config stream to xds closed: 13, reset\n"
	io.WriteString(r, closed)
	ending.Store(true)
	io.WriteString(r, closed+"[warning][main] else\n")
	const text = "|config|DeltaSecrets gRPC config stream to xds closed: 13, reset"
	if diff := cmp.Diff(lines{"WARN" + text, "DEBUG" + text, "WARN|main|else"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestRelayRemembersTheLatestProblems(t *testing.T) {
	var in bytes.Buffer
	for i := range 3 * maxProblems {
		fmt.Fprintf(&in, "[error][x] e%d\n", i)
	}
	in.WriteString("[warning][x] later, but only a warning\n[info][x] fine\n")
	_, r := relayed(in.Bytes(), 7)
	if got, want := r.lastProblem(), fmt.Sprintf("e%d", 3*maxProblems-1); got != want {
		t.Errorf("last problem %q, want %q", got, want)
	}
	if got := strings.Count(r.allProblems(), ";") + 1; got != maxProblems {
		t.Errorf("%d problems kept, want %d", got, maxProblems)
	}
}

func TestRelayIsBounded(t *testing.T) {
	long := append(bytes.Repeat([]byte("x"), 5*maxLine), "\n[info][a] b\n"...)
	got, r := relayed(long, 1000)
	if len(got) != 2 || len(got[0]) > maxLine+100 || got[1] != "INFO|a|b" {
		t.Errorf("%d lines, the first of %d bytes", len(got), len(got[0]))
	}
	if n := len(r.allProblems()); n > maxProblem+10 {
		t.Errorf("%d bytes of problem kept", n)
	}
}

func FuzzRelay(f *testing.F) {
	f.Add([]byte("[info][main] a\n[error][x] b\nraw"), 3)
	f.Fuzz(func(t *testing.T, in []byte, n int) {
		whole, _ := relayed(in, len(in)+1)
		cut, _ := relayed(in, max(1, n))
		if diff := cmp.Diff(whole, cut); diff != "" {
			t.Errorf("in pieces of %d:\n%s", n, diff)
		}
	})
}
