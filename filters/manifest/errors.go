package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxErrorText is how many characters of the offending text an error quotes: enough to find it, short enough for one line.
const maxErrorText = 80

// Position is a place in a file. Line and Column count from 1; Column counts characters (code points), not bytes.
type Position struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Error is one mistake of a person in one file.
type Error struct {
	Position
	Text    string `json:"text,omitempty"` // the offending text; may be empty
	Message string `json:"message"`        // what is wrong with it
	Hint    string `json:"hint,omitempty"` // what to write instead; may be empty
}

// Error renders "file:line:column: message: \"text\" (hint)".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Position.String() + ": " + e.Message)
	if e.Text != "" {
		fmt.Fprintf(&b, ": %q", shorten(e.Text))
	}
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

func shorten(s string) string {
	if utf8.RuneCountInString(s) <= maxErrorText {
		return s
	}
	return string([]rune(s)[:maxErrorText]) + "…"
}

// Errors are all mistakes that were found. As an error value use [Errors.Err], which is nil when there are none.
type Errors []*Error

// Error renders one error a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Err returns e as an error, or nil when e is empty.
func (e Errors) Err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// Unwrap lets errors.As find a single *Error.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

// Sort orders e by file, line and column; errors at the same place keep their order.
func (e Errors) Sort() {
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
