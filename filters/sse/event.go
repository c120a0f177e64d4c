package sse

import (
	"bytes"
	"strconv"
)

// Event is one event with the bytes it occupied, the blank line included.
type Event struct {
	Name  []byte // the field event; nil: none, which means "message"
	Data  []byte // the data lines joined by LF; nil where the event has no data line
	ID    []byte // the field id of this event; nil: none
	Retry int64  // the field retry, in milliseconds; 0: none
	Raw   []byte
}

// Fires tells whether a client sees the event: one without any data line, such as a comment or a blank line, it does not.
func (e Event) Fires() bool { return e.Data != nil }

var bom = []byte("\ufeff")

// parse reads the fields of one whole event. Data aliases raw, unless several lines must be joined.
func (r *Reader) parse(raw []byte) Event {
	e := Event{Raw: raw}
	if !r.begun {
		r.begun = true
		raw = bytes.TrimPrefix(raw, bom)
	}
	joined := false
	for line := range lines(raw) {
		name, value, _ := bytes.Cut(line, []byte{':'})
		value = bytes.TrimPrefix(value, []byte{' '})
		switch string(name) { // a comment's name is empty
		case "data":
			switch {
			case e.Data == nil:
				e.Data = value[:len(value):len(value)]
			case !joined:
				joined = true
				e.Data = append(append(append(r.scratch[:0], e.Data...), '\n'), value...)
			default:
				e.Data = append(append(e.Data, '\n'), value...)
			}
			if e.Data == nil {
				e.Data = []byte{}
			}
		case "event":
			e.Name = value
		case "id":
			if bytes.IndexByte(value, 0) < 0 {
				e.ID = value
			}
		case "retry":
			e.Retry = retry(value, e.Retry)
		}
	}
	if joined {
		r.scratch = keep(e.Data)
	}
	return e
}

// retry reads a retry field; anything but digits leaves the value as it was.
func retry(value []byte, old int64) int64 {
	for _, c := range value {
		if c < '0' || c > '9' {
			return old
		}
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		return old
	}
	return n
}

// Append appends one event to dst and returns the result. A line end in data begins another data line; name must have none,
// and is cut there. An empty name is left out.
func Append(dst []byte, name string, data []byte) []byte {
	for line := range lines([]byte(name)) {
		dst = append(append(append(dst, "event: "...), line...), '\n')
		break
	}
	return append(appendData(dst, data), '\n')
}

// Replace appends the event e to dst with other data, and returns the result. All else of it stays as it stands, but for a byte order
// mark; without data, what is left fires no event.
func Replace(dst []byte, e Event, data []byte) []byte {
	placed := data == nil
	for line := range lines(bytes.TrimPrefix(e.Raw, bom)) {
		name, _, _ := bytes.Cut(line, []byte{':'})
		switch {
		case len(line) == 0:
		case string(name) != "data":
			dst = append(append(dst, line...), '\n')
		case !placed:
			placed = true
			dst = appendData(dst, data)
		}
	}
	return append(dst, '\n')
}

func appendData(dst, data []byte) []byte {
	if len(data) == 0 {
		return append(dst, "data:\n"...)
	}
	for line := range lines(data) {
		dst = append(append(append(dst, "data: "...), line...), '\n')
	}
	if last := data[len(data)-1]; last == '\n' || last == '\r' {
		dst = append(dst, "data:\n"...)
	}
	return dst
}
