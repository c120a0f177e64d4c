package main

import (
	"fmt"
	"io"
	"time"
)

// progress prints lines with the seconds since its beginning.
type progress struct {
	out   io.Writer
	began time.Time
}

func newProgress(out io.Writer) *progress { return &progress{out: out, began: time.Now()} }

func (p *progress) say(format string, args ...any) {
	fmt.Fprintf(p.out, "%7.1fs %s\n", time.Since(p.began).Seconds(), fmt.Sprintf(format, args...))
}
