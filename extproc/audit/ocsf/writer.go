package ocsf

import (
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxInt is the largest integer that canonical JSON can carry exactly (RFC 8785, section 3.2.2.3: IEEE 754 doubles).
const maxInt = 1<<53 - 1

// writer appends JSON members. Its caller writes them in canonical order; members without a value are left out.
type writer struct{ buf []byte }

func (w *writer) comma() {
	if c := w.buf[len(w.buf)-1]; c != '{' && c != '[' {
		w.buf = append(w.buf, ',')
	}
}

// key starts a member. Keys are constants of this package: plain ASCII.
func (w *writer) key(name string) {
	w.comma()
	w.buf = append(w.buf, '"')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, '"', ':')
}

// open starts an object or array member and returns the mark that end needs to take it back when nothing was written into it.
func (w *writer) open(name string, bracket byte) int {
	mark := len(w.buf)
	w.key(name)
	w.buf = append(w.buf, bracket)
	return mark
}

func (w *writer) end(mark int, bracket byte) {
	if c := w.buf[len(w.buf)-1]; c == '{' || c == '[' {
		w.buf = w.buf[:mark]
		return
	}
	w.buf = append(w.buf, bracket)
}

// item starts an object in an array.
func (w *writer) item() {
	w.comma()
	w.buf = append(w.buf, '{')
}

// str writes a foreign string of at most limit bytes; empty strings are left out.
func (w *writer) str(name, v string, limit int) {
	if v == "" {
		return
	}
	w.key(name)
	w.quote(v, limit)
}

// quote appends v, cut to limit bytes. What quotes to more than twice its limit (control characters) is cut further, so that
// the size of an event is bounded by the sum of its limits.
func (w *writer) quote(v string, limit int) {
	v = clip(v, limit)
	start := len(w.buf)
	// The error only says that invalid UTF-8 was replaced by U+FFFD, which is wanted.
	w.buf, _ = jsontext.AppendQuote(w.buf, v)
	if len(w.buf)-start > 2*limit+8 {
		w.buf, _ = jsontext.AppendQuote(w.buf[:start], clip(v, limit/6))
	}
}

// clip cuts v to limit bytes on a character boundary and marks the cut.
func clip(v string, limit int) string {
	if len(v) <= limit {
		return v
	}
	cut := limit
	for cut > 0 && cut > limit-utf8.UTFMax && !utf8.RuneStart(v[cut]) {
		cut--
	}
	return v[:cut] + "…"
}

// lit writes a constant, which needs no escaping.
func (w *writer) lit(name, v string) {
	w.key(name)
	w.buf = append(w.buf, '"')
	w.buf = append(w.buf, v...)
	w.buf = append(w.buf, '"')
}

func (w *writer) int(name string, v int64) {
	w.key(name)
	w.buf = strconv.AppendInt(w.buf, max(min(v, maxInt), -maxInt), 10)
}

// count writes a number, zero being left out.
func (w *writer) count(name string, v int64) {
	if v != 0 {
		w.int(name, v)
	}
}

func (w *writer) bool(name string, v bool) {
	w.key(name)
	w.buf = strconv.AppendBool(w.buf, v)
}

// flag writes true, and leaves false out.
func (w *writer) flag(name string, v bool) {
	if v {
		w.bool(name, v)
	}
}
