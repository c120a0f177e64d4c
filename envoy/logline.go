package envoy

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	// logFormat is what Envoy is told to write: level, component, and the message on one line. parseLine reads it.
	logFormat = "[%l][%n] %_"

	maxLine     = 16 << 10 // bytes of a line of Envoy's log that are relayed; the rest of it is dropped
	maxProblems = 10       // the latest warnings and errors that are remembered for an error of ours
	maxProblem  = 600      // bytes remembered of each
)

// relay is the writer behind Envoy's standard output and error: it cuts lines, passes them on to slog, and remembers the latest problems.
type relay struct {
	log    *slog.Logger
	ending *atomic.Bool // Envoy was told to exit; nil: never

	mu       sync.Mutex
	partial  []byte
	problems []problem
}

type problem struct {
	level slog.Level
	text  string
}

// Write takes whatever came, cut anywhere, and never fails: an Envoy must not stop because of its log.
func (r *relay) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(p)
	for {
		line, rest, ended := bytes.Cut(p, []byte("\n"))
		r.partial = append(r.partial, line[:min(len(line), maxLine-len(r.partial))]...)
		if !ended {
			return n, nil
		}
		r.line(string(r.partial))
		r.partial, p = r.partial[:0], rest
	}
}

// Close relays a last line that had no end.
func (r *relay) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.line(string(r.partial))
	r.partial = nil
}

func (r *relay) line(s string) {
	s = strings.ToValidUTF8(strings.TrimRight(s, "\r"), "?")
	if s == "" {
		return
	}
	level, component, text := parseLine(s)
	if r.ending != nil && r.ending.Load() && component == "config" && strings.Contains(text, " gRPC config stream to ") {
		level = slog.LevelDebug // that Envoy closes its streams is how it exits
	}
	r.log.Log(context.Background(), level, "envoy", "component", component, "line", text)
	if level >= slog.LevelWarn {
		if len(r.problems) == maxProblems {
			r.problems = r.problems[1:]
		}
		r.problems = append(r.problems, problem{level, clip(text, maxProblem)})
	}
}

// parseLine splits a line of logFormat. What has another form was not written by Envoy's logger but by the system's loader, the parser of its
// flags or an abort: a warning.
func parseLine(s string) (level slog.Level, component, text string) {
	name, rest, ok := strings.Cut(strings.TrimPrefix(s, "["), "][")
	component, text, ok2 := strings.Cut(rest, "] ")
	level, known := envoyLevel(name)
	if !ok || !ok2 || !known || s[0] != '[' {
		return slog.LevelWarn, "", s
	}
	switch {
	case component == "config" && strings.HasPrefix(text, "delta config for "):
		level = slog.LevelError // Envoy warns that it rejects an update; to us no configuration is more than a warning
	case component == "config" && strings.HasPrefix(text, "gRPC config for ") && strings.Contains(text, " rejected: "):
		level = slog.LevelDebug // the same once more
	}
	return level, component, strings.TrimSuffix(text, `\n`)
}

func envoyLevel(name string) (slog.Level, bool) {
	switch name {
	case "trace", "debug":
		return slog.LevelDebug, true
	case "info":
		return slog.LevelInfo, true
	case "warning":
		return slog.LevelWarn, true
	case "error", "critical":
		return slog.LevelError, true
	}
	return 0, false
}

// lastProblem is the newest error in Envoy's log, or without one the newest warning; "" when it had neither.
func (r *relay) lastProblem() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := problem{level: slog.LevelDebug}
	for _, p := range r.problems {
		if p.level >= last.level {
			last = p
		}
	}
	return last.text
}

// allProblems joins the latest problems, oldest first.
func (r *relay) allProblems() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var texts []string
	for _, p := range r.problems {
		texts = append(texts, p.text)
	}
	return strings.Join(texts, "; ")
}
