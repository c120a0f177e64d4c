package manifest

import (
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

const quotedStyle = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle

// flow finds where the characters of a plain or quoted scalar stand. It walks the file beside the value that the YAML library
// decoded; should the two ever disagree, the scalar is opaque, so that an error points at its start and never at a wrong place.
func (s *source) flow(n *yaml.Node, t *String) {
	w := s.walk(n)
	if n.Style&quotedStyle != 0 {
		t.Column++
	}
	next := mark{-1, 0, 0}
	offset := 0
	for _, r := range n.Value {
		at, ok := w.step(r)
		if !ok {
			t.opaque, t.marks = true, nil
			return
		}
		if at.line != next.line || at.column != next.column {
			t.marks = append(t.marks, mark{offset, at.line, at.column})
		}
		offset++
		next = mark{offset, at.line, at.column + 1}
	}
	if len(t.marks) == 1 && t.marks[0] == (mark{0, t.Line, t.Column}) {
		t.marks = nil
	}
}

// walker stands in front of a character of the file. It goes over each once, so that a long line takes no longer than many short ones.
type walker struct {
	*source
	line, column int    // from 1
	rest         string // what follows on the line
	style        yaml.Style
	solid        int // blanks up to this column are followed by something
	newlines     int // line breaks of a fold (YAML 1.2.2 section 6.5) that the value still has to show
}

func (s *source) walk(n *yaml.Node) *walker {
	w := &walker{source: s, line: n.Line, column: 1, rest: s.line(n.Line), style: n.Style}
	start := n.Column
	if n.Style&quotedStyle != 0 {
		start++
	}
	w.skip(start - 1)
	return w
}

// skip passes characters of the line.
func (w *walker) skip(count int) {
	for ; count > 0 && w.rest != ""; count-- {
		_, size := utf8.DecodeRuneInString(w.rest)
		w.rest = w.rest[size:]
		w.column++
	}
}

// next goes to the first character of the next line that is no blank, and tells whether there is one.
func (w *walker) next() bool {
	w.line++
	w.column, w.rest = 1, w.source.line(w.line)
	w.skip(len(w.rest) - len(strings.TrimLeft(w.rest, " \t")))
	return w.rest != ""
}

// step passes what the file has for the character r of the value, and says where that stands.
func (w *walker) step(r rune) (at mark, ok bool) {
	for w.newlines == 0 && w.style&yaml.DoubleQuotedStyle != 0 && w.rest == `\` { // an escaped line break is no character
		if w.solid = 0; !w.next() {
			return at, false
		}
	}
	at = mark{0, w.line, w.column}
	if w.newlines > 0 {
		w.newlines--
		return at, r == '\n'
	}
	if w.atEnd() {
		return at, w.fold(r)
	}
	if w.style&yaml.DoubleQuotedStyle != 0 && w.rest[0] == '\\' {
		w.skip(max(map[byte]int{'x': 4, 'u': 6, 'U': 10}[w.rest[1]], 2)) // YAML 1.2.2 section 5.7; stands for one character
		return at, true
	}
	found, _ := utf8.DecodeRuneInString(w.rest)
	if w.style&yaml.SingleQuotedStyle != 0 && strings.HasPrefix(w.rest, "''") {
		w.skip(1)
	}
	w.skip(1)
	return at, found == r
}

// atEnd tells whether only blanks follow on the line. It looks at a run of blanks from its first one only, which ends in the fold.
func (w *walker) atEnd() bool {
	if w.rest == "" {
		return true
	}
	if w.rest[0] != ' ' && w.rest[0] != '\t' || w.column <= w.solid {
		return false
	}
	blanks := len(w.rest) - len(strings.TrimLeft(w.rest, " \t"))
	w.solid = w.column + blanks - 1
	return blanks == len(w.rest)
}

// fold passes line breaks: one is a space, more are one line feed less than there are.
func (w *walker) fold(r rune) bool {
	breaks := 1
	for !w.next() && w.line < len(w.lines) {
		breaks++
	}
	w.solid = 0
	if breaks == 1 {
		return r == ' '
	}
	w.newlines = breaks - 2
	return r == '\n'
}
