package redact

import (
	"bytes"
	"regexp/syntax"
	"unicode/utf8"
)

// matcher finds the matches of one pattern, leftmost first, as package regexp does, in a text that goes on: the simulation of
// an NFA with a list of threads in order of priority (https://swtch.com/~rsc/regexp/regexp2.html), which stops where the text
// does and goes on with it. What regexp lacks is to say where a match may have begun that has not ended.
type matcher struct {
	prog    *syntax.Prog
	first   byte // with which every match begins
	known   bool // first is
	threads []thread
	next    []thread
	seen    []int // by instruction: the round in which a thread came to it last
	round   int
	at      int64 // of the next rune
	match   thread
	end     int64 // of match
	matched bool  // match stands, unless one of the threads finds a better one
	done    bool
}

// thread is one way to read the text. It waits before the conditions of its place, since they ask for the rune to come.
type thread struct {
	pc           uint32
	start        int64
	group, until int64 // the first group; -1: it has not matched
}

func newMatcher(prog *syntax.Prog) *matcher {
	m := &matcher{prog: prog, seen: make([]int, len(prog.Inst))}
	if prefix, _ := prog.Prefix(); prefix != "" {
		m.first, m.known = prefix[0], true
	}
	return m
}

// hold is where a match may have begun.
func (m *matcher) hold() int64 {
	switch {
	case len(m.threads) > 0: // the first is the oldest
		return m.threads[0].start
	case m.matched:
		return m.match.start
	default:
		return m.at
	}
}

// run reads what there is; last says that no more will come.
func (m *matcher) run(s *Stream, last bool) error {
	for prev := s.before(m.at); !m.done; {
		if m.skip(s) {
			prev = s.before(m.at)
		}
		text := s.from(m.at)
		r, width := rune(-1), 0
		switch {
		case len(text) > 0 && (last || utf8.FullRune(text)):
			r, width = utf8.DecodeRune(text)
		case !last:
			return nil
		}
		m.step(s, prev, r, width)
		prev = r
		m.at += int64(width)
		switch {
		case m.matched && len(m.threads) == 0:
			m.keep(s)
			prev = s.before(m.at)
		case width == 0:
			m.done = true
		}
		if s.steps > maxSteps {
			return ErrSteps
		}
	}
	return nil
}

// skip goes to where a match can begin, where that is known, and none has begun.
func (m *matcher) skip(s *Stream) bool {
	if !m.known || m.matched || len(m.threads) > 0 {
		return false
	}
	text := s.from(m.at)
	n := bytes.IndexByte(text, m.first)
	if n < 0 {
		n = len(text)
		for back := 1; back < utf8.UTFMax && back <= n; back++ { // half a rune is read when it is whole
			if utf8.RuneStart(text[n-back]) && !utf8.FullRune(text[n-back:]) {
				n -= back
				break
			}
		}
	}
	m.at += int64(n)
	return n > 0
}

// keep keeps the match, and goes on behind it: as regexp does, one rune further where it is empty.
func (m *matcher) keep(s *Stream) {
	at := span{m.match.start, m.end}
	if m.match.group >= 0 && m.match.until >= 0 {
		at = span{m.match.group, m.match.until}
	}
	if at.start < at.end {
		s.found = append(s.found, at)
	}
	m.matched, m.at = false, m.end
	if m.match.start == m.end {
		_, width := utf8.DecodeRune(s.from(m.end))
		m.at += int64(width)
		m.done = width == 0
	}
}

// step takes all threads over the rune r; -1 is the end of the text.
func (m *matcher) step(s *Stream, prev, r rune, width int) {
	m.round++
	m.next = m.next[:0]
	over := &step{s, syntax.EmptyOpContext(prev, r), r, width}
	cut := false
	for _, t := range m.threads {
		if cut = m.follow(over, t); cut {
			break // what comes after is of lower priority
		}
	}
	if !cut && !m.matched {
		m.follow(over, thread{pc: uint32(m.prog.Start), start: m.at, group: -1, until: -1})
	}
	m.threads, m.next = m.next, m.threads
}

// step is the rune that threads are taken over, and the conditions that hold before it.
type step struct {
	*Stream
	holds syntax.EmptyOp
	r     rune
	width int // 0: the end of the text
}

// follow takes one thread over conditions and the rune. It says whether the thread matches.
func (m *matcher) follow(over *step, t thread) bool {
	for m.seen[t.pc] != m.round {
		m.seen[t.pc] = m.round
		over.steps++
		i := &m.prog.Inst[t.pc]
		switch i.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			first := t
			if first.pc = i.Out; m.follow(over, first) {
				return true
			}
			t.pc = i.Arg
			continue
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(i.Arg)&^over.holds != 0 {
				return false
			}
		case syntax.InstCapture:
			switch i.Arg {
			case 2:
				t.group = m.at
			case 3:
				t.until = m.at
			}
		case syntax.InstNop:
		case syntax.InstMatch:
			m.match, m.end, m.matched = t, m.at, true
			return true
		case syntax.InstFail:
			return false
		default: // of a rune
			if over.width > 0 && i.MatchRune(over.r) {
				t.pc = i.Out
				m.next = append(m.next, t)
			}
			return false
		}
		t.pc = i.Out
	}
	return false
}
