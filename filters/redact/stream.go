package redact

import (
	"bytes"
	"cmp"
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// MaxPending is how much of a text, in bytes, a Stream holds back for the sake of a match that has begun and has not ended.
const MaxPending = 64 << 10

// maxSteps bounds the work on one text: about a second of one core. An ordinary pattern takes a few steps for a byte.
const maxSteps = 1 << 26

var (
	// ErrPending says that a match may have begun more than MaxPending bytes before.
	ErrPending = errors.New("a text of more than 64 KiB may be one match of a pattern")

	// ErrSteps says that the patterns take too much work.
	ErrSteps = errors.New("the patterns are too much work on this text")
)

// Stream masks a text that comes in pieces, cut anywhere. What it makes of the text is what [Text] makes of the whole of it. Only what
// stands behind the place where a match may still have begun is held back.
type Stream struct {
	matchers []*matcher
	buf      []byte // the text from base on
	base     int64  // a little before what was taken, so that patterns see what stands before it
	taken    int64
	total    int64  // bytes that came
	found    []span // not yet passed by what was taken
	covered  int64  // the end of what is masked before taken; -1: nothing is
	steps    int
	err      error
}

// span is a place in the text.
type span struct{ start, end int64 }

// NewStream returns the masker of one text.
func NewStream(masks []*regexp.Regexp) *Stream {
	s := &Stream{covered: -1}
	for _, m := range masks {
		if tree, err := syntax.Parse(m.String(), syntax.Perl); err != nil {
			s.err = err // not reached: m was compiled from it
		} else if prog, err := syntax.Compile(tree.Simplify()); err != nil {
			s.err = err
		} else {
			s.matchers = append(s.matchers, newMatcher(prog))
		}
	}
	return s
}

// Write takes the next piece of the text. An error is ErrPending or ErrSteps, after which nothing more is ready.
func (s *Stream) Write(text []byte) error {
	s.buf = append(s.buf, text...)
	s.total += int64(len(text))
	return s.run(false)
}

// Close says that the text is whole: all of it is ready, unless there is an error.
func (s *Stream) Close() error { return s.run(true) }

func (s *Stream) run(last bool) error {
	for _, m := range s.matchers {
		if s.err == nil {
			s.err = m.run(s, last)
		}
	}
	if s.err == nil && s.total-s.hold() > MaxPending {
		s.err = ErrPending
	}
	return s.err
}

// hold is the first place at which a match may have begun.
func (s *Stream) hold() int64 {
	at := s.total
	for _, m := range s.matchers {
		at = min(at, m.hold())
	}
	return at
}

// Ready is how many bytes can be taken now.
func (s *Stream) Ready() int {
	if s.err != nil {
		return 0
	}
	return int(s.hold() - s.taken)
}

// Take returns the next n bytes of the text, which are no more than are ready, as they are to be read; changed says that something in
// them is masked. The result is valid until the next call of any method.
func (s *Stream) Take(n int) (text []byte, changed bool) {
	from, to := s.taken, s.taken+int64(n)
	raw := s.buf[from-s.base : to-s.base]
	s.taken = to
	at := max(from, min(s.covered, to)) // what comes before is told of
	changed = at > from
	slices.SortFunc(s.found, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	passed := 0
	for ; passed < len(s.found) && s.found[passed].start < to; passed++ {
		f := s.found[passed]
		if f.start > s.covered { // what touches is one
			text = append(append(text, raw[at-from:f.start-from]...), masked...)
		}
		s.covered, changed = max(s.covered, f.end), true
		at = max(at, min(s.covered, to))
	}
	s.found = s.found[passed:]
	if !changed {
		text = raw
	} else {
		text = append(text, raw[at-from:]...)
	}
	s.trim()
	return text, changed
}

// trim lets go of what no pattern needs any more, once that is the greater part.
func (s *Stream) trim() {
	keep := min(s.taken, s.hold()) - utf8.UTFMax
	if drop := keep - s.base; drop > 4<<10 && drop > int64(len(s.buf))/2 {
		s.buf, s.base = bytes.Clone(s.buf[drop:]), keep
	}
}

// from is the text from a place on.
func (s *Stream) from(at int64) []byte { return s.buf[at-s.base:] }

// before is the rune before a place; -1 at the begin of the text.
func (s *Stream) before(at int64) rune {
	if at == 0 {
		return -1
	}
	r, _ := utf8.DecodeLastRune(s.buf[:at-s.base])
	return r
}
