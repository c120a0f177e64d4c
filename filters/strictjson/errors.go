package strictjson

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"bartizan/filters"

	"github.com/go-json-experiment/json/jsontext"
)

// maxShown bounds what an error shows of names of a foreign body, in bytes.
const maxShown = 200

const (
	tooDeep      = "nested deeper than 64 levels"        // MaxDepth, held by a test
	tooManyNames = "objects of more than 262144 members" // MaxNames
)

// Fail records that the value read last is not what the protocol allows, unless an earlier error stands already. The message
// must not carry content of the body.
func (d *Decoder) Fail(message string) {
	if d.err == nil {
		d.refuse(d.Pointer(), message)
	}
}

func (d *Decoder) refuse(pointer, message string) {
	d.err = &filters.BodyError{Kind: filters.RefusedMalformed, Pointer: clip(pointer), Message: message}
}

// syntax says in our words what is wrong with the grammar of the body. It leaves it to another parser to find the place, so that what
// is refused is not read twice by the same mistake.
func (d *Decoder) syntax() {
	_, err := jsontext.NewDecoder(bytes.NewReader(d.body)).ReadValue()
	var se *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.EOF):
		d.refuse("", "empty where JSON is wanted")
	case !errors.As(err, &se):
		d.refuse("", "cannot be read as JSON")
	case errors.Is(se.Err, jsontext.ErrDuplicateName):
		d.refuse(string(se.JSONPointer), "duplicate object member name "+strconv.Quote(clip(se.JSONPointer.LastToken())))
	case errors.Is(se.Err, io.ErrUnexpectedEOF):
		d.refuse(string(se.JSONPointer), "JSON ends too early")
	case strings.Contains(se.Err.Error(), "max depth"): // the library's own limit, far above ours, met inside one skipped value
		d.refuse("", tooDeep)
	default:
		d.refuse(string(se.JSONPointer), "invalid JSON: "+clip(withoutQuote(se.Err.Error())))
	}
}

// withoutQuote drops what the library shows of a string's content, which it puts between back quotes.
func withoutQuote(s string) string {
	if i, j := strings.IndexByte(s, '`'), strings.LastIndexByte(s, '`'); i < j {
		return s[:i] + strings.TrimLeft(s[j+1:], " ")
	}
	return s
}

func describe(k Kind) string {
	switch k {
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	case '{':
		return "an object"
	case '[':
		return "an array"
	}
	return "nothing"
}

// clip cuts s to maxShown bytes at a rune boundary.
func clip(s string) string {
	if len(s) <= maxShown {
		return s
	}
	n := maxShown
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
