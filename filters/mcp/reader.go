package mcp

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"bartizan/filters"
	"bartizan/filters/strictjson"
)

// maxPointer bounds the names of a foreign body that an error shows, in bytes.
const maxPointer = 200

// maxClaim bounds what a client says of itself, in bytes: names, versions, sessions, ids. What is longer is not recorded.
const maxClaim = 256

// reader reads a JSON-RPC message. Errors of the JSON stick in the Decoder; a value of the wrong shape is noted and read over, so
// that the rest of the message, its id above all, is still known. The first note of each kind counts.
type reader struct {
	*strictjson.Decoder
	envelope *filters.BodyError // the message is no JSON-RPC message
	invalid  *filters.BodyError // its parameters are not what the method wants
}

func malformed(code, message, pointer string) *filters.BodyError {
	if len(pointer) > maxPointer {
		pointer = strings.ToValidUTF8(pointer[:maxPointer], "") + "…"
	}
	return &filters.BodyError{Kind: filters.RefusedMalformed, Code: code, Message: message, Pointer: pointer}
}

func (r *reader) badEnvelope(message string) {
	if r.envelope == nil {
		r.envelope = malformed(codeInvalidRequest, message, r.Pointer())
	}
}

func (r *reader) badParams(message string) {
	if r.invalid == nil {
		r.invalid = malformed(codeInvalidParams, message, r.Pointer())
	}
}

// want reads over a value that is not of the kind wanted, and says whether it is.
func (r *reader) want(kind strictjson.Kind, bad func(string), message string) bool {
	if r.Kind() == kind {
		return true
	}
	r.Skip()
	bad(message)
	return false
}

// claim reads what a client or server says of itself, if it is a string and not too long. It is never worth a refusal.
func (r *reader) claim() string { return r.claimUpTo(maxClaim) }

func (r *reader) claimUpTo(limit int) string {
	if r.Kind() != '"' {
		r.Skip()
		return ""
	}
	if s := r.Text(); len(s) <= limit {
		return string(s)
	}
	return ""
}

func clipClaim(s string) string {
	if len(s) > maxClaim {
		return ""
	}
	return s
}

// lookalike returns the name of known that some parsers take name for, though it is another: parsers that ignore case (Go's
// encoding/json, .NET) also read U+017F as s and U+212A as k.
func lookalike(name []byte, known []string) (string, bool) {
	for _, k := range known {
		if len(name) >= len(k) && string(name) != k && strings.EqualFold(string(name), k) {
			return k, true
		}
	}
	return "", false
}

// folder finds names of one object that a parser which ignores case cannot tell apart.
type folder map[string]struct{}

func (f folder) clash(name []byte) bool {
	key := string(bytes.Map(leastFold, name))
	_, seen := f[key]
	f[key] = struct{}{}
	return seen
}

// leastFold maps all runes that are equal under simple case folding to the least of them.
func leastFold(r rune) rune {
	if 'a' <= r && r <= 'z' {
		return r - 'a' + 'A'
	}
	if r < utf8.RuneSelf { // upper case comes before lower case, and both before U+017F and U+212A
		return r
	}
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return least
}

// nulName tells whether any member name of a valid JSON value contains U+0000, where parsers in C end a string. In valid JSON it
// can only be written as an escape, so that almost every body is done with the first look.
func nulName(body []byte) bool {
	if !bytes.Contains(body, []byte(`\u0000`)) {
		return false
	}
	return walkNames(strictjson.New(body), func(name []byte) bool { return bytes.IndexByte(name, 0) >= 0 })
}

// walkNames tells whether match holds for any member name below the next value. Depth is bounded by strictjson.MaxDepth.
func walkNames(d *strictjson.Decoder, match func([]byte) bool) bool {
	found := false
	switch d.Kind() {
	case '{':
		for name := range d.Object() {
			found = found || match(name) || walkNames(d, match)
		}
	case '[':
		for range d.Array() {
			found = found || walkNames(d, match)
		}
	default:
		d.Skip()
	}
	return found
}
