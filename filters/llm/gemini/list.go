package gemini

import (
	"bytes"
	"errors"
	"iter"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/sse"
)

// end is the data of the event that ends a list.
var end = []byte("]")

// errList says that an answer is no list of objects, and nothing else.
var errList = errors.New("want a list of objects")

// asList tells whether the answer is to be one list, whose elements come one by one: a stream that is asked for without alt=sse.
func asList(x *filters.Exchange) bool {
	sent, err := streams(x.Request.Query)
	return x.Route.Operation == "streamGenerateContent" && !sent && err == nil
}

// Framing is that of a list, if the answer is one.
func (r *reading) Framing(string) answer.Framing {
	if r.list {
		return &elements{}
	}
	return nil
}

// elements cuts a list into its elements: an event is an element with what stands before it, and the last one the closing bracket.
type elements struct {
	carry           []byte // the beginning of an element whose end has not come; already scanned
	before          byte   // what came last outside of an element: 0 for nothing, '[', ',', ']', or '}' for an element
	depth           int    // within an element
	quoted, escaped bool   // within a string of it, and behind a backslash there
	err             error
}

// Feed yields the elements that p completes, each in memory of its own.
func (l *elements) Feed(p []byte) iter.Seq[sse.Event] {
	return func(yield func(sse.Event) bool) {
		for len(p) > 0 && l.err == nil {
			n, whole := l.next(p)
			switch {
			case l.err != nil:
				return
			case len(l.carry)+n > sse.DefaultLimit:
				l.err, l.carry = sse.ErrTooLarge, nil
				return
			case !whole:
				l.carry = append(l.carry, p...)
				return
			}
			raw := append(l.carry, p[:n]...)
			l.carry, p = nil, p[n:]
			e := sse.Event{Raw: raw, Data: end}
			if l.before != ']' {
				e.Data = raw[bytes.IndexByte(raw, '{'):]
			}
			if !yield(e) {
				l.err = errors.New("the list was left")
			}
		}
	}
}

// next returns how many bytes of p belong to the element at hand, and whether it, or the list, ends there.
func (l *elements) next(p []byte) (n int, whole bool) {
	for i, c := range p {
		switch {
		case l.escaped:
			l.escaped = false
		case l.quoted:
			l.escaped, l.quoted = c == '\\', c != '"'
		case l.depth > 0:
			whole = l.inside(c)
		case c != ' ' && c != '\n' && c != '\r' && c != '\t':
			whole = l.outside(c)
		}
		if whole || l.err != nil {
			return i + 1, whole
		}
	}
	return len(p), false
}

// inside takes a byte of an element, and tells whether it is the last.
func (l *elements) inside(c byte) bool {
	switch c {
	case '"':
		l.quoted = true
	case '{', '[':
		l.depth++
	case '}', ']':
		l.depth--
	}
	if l.depth == 0 {
		l.before = '}'
	}
	return l.depth == 0
}

// outside takes a byte between elements, and tells whether it ends the list.
func (l *elements) outside(c byte) bool {
	switch {
	case c == '{' && (l.before == '[' || l.before == ','):
		l.depth = 1
		return false
	case c == '[' && l.before == 0, c == ',' && l.before == '}', c == ']' && (l.before == '}' || l.before == '['):
		l.before = c
	default:
		l.err = errList
	}
	return c == ']' && l.err == nil
}

// Close drops an element that was cut off, and returns the white space behind a list.
func (l *elements) Close() (e sse.Event, whole bool) {
	if l.err == nil && l.before == ']' {
		return sse.Event{Raw: l.carry}, true
	}
	return sse.Event{}, false
}

// Err returns what is wrong with the list, if anything.
func (l *elements) Err() error { return l.err }

// Buffered is how many bytes of an unfinished element are held.
func (l *elements) Buffered() int { return len(l.carry) }
