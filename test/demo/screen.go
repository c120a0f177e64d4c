package main

import (
	"fmt"
	"io"
	"strings"

	"bartizan/extproc/audit/tail"
)

// screen prints the demo for a person. Its colours are ANSI, where there is a terminal. What comes from elsewhere than this program is
// printed by [tail.WriteText] or quoted.
type screen struct {
	w      io.Writer
	colour bool
}

func newScreen(w io.Writer, colour bool) *screen { return &screen{w: w, colour: colour} }

const (
	bold  = "1"
	dim   = "2"
	red   = "1;31"
	green = "32"
)

func (s *screen) paint(code, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s *screen) line(format string, args ...any) { fmt.Fprintf(s.w, format+"\n", args...) }

func (s *screen) title(n int, text string) {
	s.line("\n%s", s.paint(bold, fmt.Sprintf("%d  %s", n, text)))
}

// say prints what happens, a line each.
func (s *screen) say(format string, args ...any) {
	for text := range strings.Lines(fmt.Sprintf(format, args...)) {
		s.line("   %s", strings.TrimRight(text, "\n"))
	}
}

// shell prints a command and what it printed.
func (s *screen) shell(command, output string) {
	s.say("%s", s.paint(dim, "$ "+command))
	s.say("%s", output)
}

// decision prints a record as `bartizan tail` does.
func (s *screen) decision(e tail.Event) {
	fmt.Fprint(s.w, "   ")
	_ = tail.WriteText(s.w, &e, s.colour) // a screen that is gone shows nothing
}

// verdict says whether the expectations of a step held.
func (s *screen) verdict(err error) {
	if err != nil {
		s.line("   %s", s.paint(red, "FAILED: "+err.Error()))
		return
	}
	s.line("   %s", s.paint(green, "ok"))
}

// log shows the end of the gateway's own output, for a failure.
func (s *screen) log(output string) {
	const keep = 60
	lines := strings.Split(strings.TrimSpace(output), "\n")
	s.line("\nThe gateway's last words:")
	for _, l := range lines[max(0, len(lines)-keep):] {
		s.line("  | %s", l)
	}
}
