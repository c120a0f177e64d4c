package manifest

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// String is a scalar that remembers where its text stands, so that an error inside of it (a CEL expression) can be pointed at.
// Position is the first character of the text: after the opening quote, and on the line after "|".
type String struct {
	Value string
	Position
	Indent int // block scalars (|): columns before the text on every line; 0 for scalars on one line

	opaque bool   // where Value's characters stand within the scalar is not known
	marks  []mark // where value and file do not run side by side; nil: they do, or the String did not come from a file
}

// mark says that the character at offset (in characters of Value) stands at line:column, and those after it follow it on that line.
type mark struct{ offset, line, column int }

// Equal compares what is written and where, and lets go-cmp compare two Strings.
func (s String) Equal(t String) bool {
	return s.Value == t.Value && s.Position == t.Position && s.Indent == t.Indent
}

// Errorf makes an error about the whole of s.
func (s String) Errorf(hint, format string, args ...any) *Error {
	return &Error{Position: s.Position, Text: s.Value, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// At returns where in the file a character of Value stands; line counts from 1 and column from 0, both within Value. Where escapes
// or folding hide the place, it is the start of the scalar.
func (s String) At(line, column int) Position {
	p := s.Position
	switch {
	case s.opaque:
	case s.marks != nil:
		at := lastMark(s.marks, s.offset(line, column))
		p.Line, p.Column = at.line, at.column
	case s.Indent > 0:
		p.Line, p.Column = s.Line+line-1, s.Indent+column+1
	case line == 1:
		p.Column += column
	}
	return p
}

// offset counts the characters of Value before line and column.
func (s String) offset(line, column int) int {
	offset := 0
	for rest := s.Value; line > 1; line-- {
		head, tail, _ := strings.Cut(rest, "\n")
		offset += utf8.RuneCountInString(head) + 1
		rest = tail
	}
	return offset + column
}

func lastMark(marks []mark, offset int) mark {
	found := marks[0]
	for _, m := range marks {
		if m.offset > offset {
			break
		}
		found = m
	}
	found.column += max(offset-found.offset, 0)
	return found
}

// locate finds where the text of a scalar stands.
func (s *source) locate(n *yaml.Node) String {
	t := String{Value: n.Value, Position: s.position(n)}
	switch {
	case n.Style&yaml.LiteralStyle != 0:
		s.block(n, &t)
	case n.Style&yaml.FoldedStyle != 0:
		t.opaque = true
	default:
		s.flow(n, &t)
	}
	return t
}

// block finds the indentation of a literal scalar from its first line with text: what the file has there beyond the text.
func (s *source) block(n *yaml.Node, t *String) {
	for i, line := range strings.Split(n.Value, "\n") {
		if line == "" {
			continue
		}
		t.Indent = utf8.RuneCountInString(s.line(n.Line+1+i)) - utf8.RuneCountInString(line)
		t.Line, t.Column = n.Line+1, t.Indent+1
		return
	}
}
