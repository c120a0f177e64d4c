package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// source is one file: its name and its lines, from which the places of scalars are worked out.
type source struct {
	file  string
	lines []string // without line ends
}

func newSource(file string, data []byte) (*source, *Error) {
	if len(data) > MaxFileBytes {
		return nil, &Error{Position: Position{file, 1, 1}, Message: fmt.Sprintf("file of %d bytes is over the limit of %d", len(data), MaxFileBytes)}
	}
	s := &source{file: file}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if column, what := firstForbidden(line); what != "" {
			return nil, &Error{Position: Position{file, i + 1, column}, Message: what}
		}
		s.lines = append(s.lines, line)
	}
	return s, nil
}

// firstForbidden finds a character that makes the file read differently by people and by machines. (CVE-2021-42574 describes the
// bidirectional ones; U+0085, U+2028 and U+2029 are line breaks to YAML 1.1 and to no editor.)
func firstForbidden(line string) (column int, what string) {
	for i := 0; i < len(line); column++ {
		r, size := utf8.DecodeRuneInString(line[i:])
		i += size
		switch {
		case r == utf8.RuneError && size <= 1:
			return column + 1, "invalid UTF-8"
		case r < ' ' && r != '\t', r >= 0x7f && r <= 0x9f, r == 0x2028, r == 0x2029:
			return column + 1, fmt.Sprintf("control character %U", r)
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return column + 1, fmt.Sprintf("bidirectional control character %U: the file would not read as it is", r)
		}
	}
	return 0, ""
}

// position is where a node begins. A block scalar begins at its header, "|".
func (s *source) position(n *yaml.Node) Position {
	return Position{s.file, max(n.Line, 1), max(n.Column, 1)}
}

func (s *source) errorf(n *yaml.Node, hint, format string, args ...any) *Error {
	e := &Error{Position: s.position(n), Message: fmt.Sprintf(format, args...), Hint: hint}
	if n.Kind == yaml.ScalarNode || n.Kind == yaml.AliasNode {
		e.Text = n.Value
	}
	return e
}

// loadError turns an error of the YAML library into one of ours.
func (s *source) loadError(err error) *Error {
	e := &Error{Position: Position{s.file, 1, 1}, Message: "not YAML"}
	var le *yaml.LoadError
	if !errors.As(err, &le) {
		return e
	}
	if le.Mark.Line > 0 {
		e.Line, e.Column = le.Mark.Line, max(le.Mark.Column, 1)
	}
	e.Message = "not YAML: " + le.Message
	if le.ContextMsg != "" {
		e.Message += " " + le.ContextMsg
	}
	return e
}

// line returns line n, from 1.
func (s *source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return s.lines[n-1]
}
