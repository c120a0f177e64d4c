package snapshot

import (
	"slices"
	"strconv"
	"time"

	"bartizan/filters/manifest"
)

// checker collects the mistakes of one document.
type checker struct {
	doc  *manifest.Document
	errs manifest.Errors
}

func (c *checker) add(errs ...*manifest.Error) {
	for _, err := range errs {
		if err != nil {
			c.errs = append(c.errs, err)
		}
	}
}

// missing reports an absent field at the place of the mapping that should hold it.
func (c *checker) missing(at manifest.Position, field string) {
	if at == (manifest.Position{}) {
		at = c.doc.Position
	}
	c.add(&manifest.Error{Position: at, Message: "missing field", Text: field})
}

// name checks a required name.
func (c *checker) name(s manifest.String, at manifest.Position, field string) {
	if s.Value == "" {
		c.missing(at, field)
		return
	}
	c.add(s.CheckLabel())
}

// oneOf returns the value, or fallback where there is none, and reports a value that is not among known.
func (c *checker) oneOf(s manifest.String, fallback string, known ...string) string {
	if isAbsent(s) {
		return fallback
	}
	if !slices.Contains(known, s.Value) {
		c.add(s.Errorf(manifest.Suggest(s.Value, known), "unknown value"))
		return fallback
	}
	return s.Value
}

// number reads a decimal within [low, high]; absent: fallback.
func (c *checker) number(s manifest.String, fallback, low, high int64) int64 {
	if isAbsent(s) {
		return fallback
	}
	n, err := strconv.ParseInt(s.Value, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != s.Value || n < low || n > high {
		c.add(s.Errorf("", "want a whole number from %d to %d", low, high))
		return fallback
	}
	return n
}

// duration reads a duration within [low, high]; absent: fallback.
func (c *checker) duration(s manifest.String, fallback, low, high time.Duration) time.Duration {
	if isAbsent(s) {
		return fallback
	}
	d, err := time.ParseDuration(s.Value)
	if err != nil || d < low || d > high {
		c.add(s.Errorf("as in 30s or 5m", "want a duration from %s to %s", low, high))
		return fallback
	}
	return d
}

// unquoted is an error that does not show the text: somebody may have put a key or a password there.
func unquoted(s manifest.String, hint, message string) *manifest.Error {
	return &manifest.Error{Position: s.Position, Message: message, Hint: hint}
}

// isAbsent tells a field that is not in the document from one that is there and empty.
func isAbsent(s manifest.String) bool { return s.Position == manifest.Position{} }

// seen remembers where each key was first.
type seen map[string]manifest.Position

// twice reports a key that has been there before. An empty key was reported as missing or malformed already.
func (m seen) twice(s manifest.String, key, what string) *manifest.Error {
	first, again := m[key]
	if !again {
		m[key] = s.Position
		return nil
	}
	if key == "" {
		return nil
	}
	return s.Errorf("the first is at "+first.String(), "second %s", what)
}
