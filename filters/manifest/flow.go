package manifest

import (
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// flow finds where the characters of a plain or quoted scalar stand. It walks the file beside the value that the YAML library
// decoded; should the two ever disagree, the scalar is opaque, so that an error points at its start and never at a wrong place.
func (s *source) flow(n *yaml.Node, t *String) {
	w := walker{source: s, line: n.Line, column: max(n.Column, 1), style: n.Style}
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		w.column++
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

// walker stands in front of a character of the file.
type walker struct {
	*source
	line, column int // from 1
	style        yaml.Style
	newlines     int // line breaks of a fold (YAML 1.2.2 section 6.5) that the value still has to show
}

// rest is what follows on the line.
func (w *walker) rest() string {
	line, skip := w.source.line(w.line), w.column-1
	for i := range line {
		if skip == 0 {
			return line[i:]
		}
		skip--
	}
	return ""
}

// step passes what the file has for the character r of the value, and says where that stands.
func (w *walker) step(r rune) (at mark, ok bool) {
	at = mark{0, w.line, w.column}
	if w.newlines > 0 {
		w.newlines--
		return at, r == '\n'
	}
	rest := w.rest()
	if strings.Trim(rest, " \t") == "" {
		return at, w.fold(r)
	}
	if w.style&yaml.DoubleQuotedStyle != 0 && rest[0] == '\\' {
		return w.escape(rest, r)
	}
	found, _ := utf8.DecodeRuneInString(rest)
	w.column++
	if w.style&yaml.SingleQuotedStyle != 0 && strings.HasPrefix(rest, "''") {
		w.column++
	}
	return at, found == r
}

// fold passes line breaks: one is a space, more are one line feed less than there are.
func (w *walker) fold(r rune) bool {
	breaks := 0
	for w.line < len(w.lines) {
		w.line++
		breaks++
		text := strings.TrimLeft(w.source.line(w.line), " \t")
		if text != "" {
			w.column = 1 + utf8.RuneCountInString(w.source.line(w.line)) - utf8.RuneCountInString(text)
			break
		}
	}
	if breaks == 1 {
		return r == ' '
	}
	w.newlines = breaks - 2
	return r == '\n'
}

// escape passes an escape sequence of a double-quoted scalar (YAML 1.2.2 section 5.7). Each stands for one character, but an
// escaped line break for none.
func (w *walker) escape(rest string, r rune) (mark, bool) {
	at := mark{0, w.line, w.column}
	if len(rest) == 1 {
		w.line++
		text := strings.TrimLeft(w.source.line(w.line), " \t")
		w.column = 1 + utf8.RuneCountInString(w.source.line(w.line)) - utf8.RuneCountInString(text)
		if text == "" {
			return at, false
		}
		return w.step(r)
	}
	length := map[byte]int{'x': 4, 'u': 6, 'U': 10}[rest[1]]
	w.column += max(length, 2)
	return at, true
}
