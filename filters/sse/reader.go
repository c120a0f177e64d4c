package sse

import (
	"bytes"
	"errors"
	"iter"
)

// DefaultLimit is the largest event, in raw bytes, that a Reader with no limit of its own takes. A result of a server tool or
// an image arrives as one event: 8 MiB is above what providers send and below what would hurt.
const DefaultLimit = 8 << 20

// maxIdle is how much memory, in bytes, a Reader keeps between events for the next one. Common events are far smaller.
const maxIdle = 4 << 10

var (
	// ErrTooLarge says that an event exceeds the reader's limit.
	ErrTooLarge = errors.New("event exceeds the size limit")

	errLeft = errors.New("reader was left in the middle of a chunk")
)

// Reader cuts a stream into events. The zero value is ready, with DefaultLimit.
type Reader struct {
	Limit int // of an event's raw size, in bytes; 0: DefaultLimit

	carry   []byte // the beginning of an event whose end has not come; already scanned
	scan    scanner
	scratch []byte // data of an event with several data lines
	begun   bool   // the first event, which a byte order mark may precede, is out
	err     error
}

// Feed takes the next chunk and yields the events that it completes. An event aliases p or the reader's own memory: it is valid
// until the loop goes on. The loop must run to its end; a reader whose loop was left early is of no more use.
func (r *Reader) Feed(p []byte) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for len(p) > 0 && r.err == nil {
			n, whole := r.scan.next(p)
			if len(r.carry)+n > r.limit() {
				r.err, r.carry = ErrTooLarge, nil
				return
			}
			if !whole {
				r.carry = append(r.carry, p...)
				return
			}
			raw := p[:n:n]
			if len(r.carry) > 0 {
				raw = append(r.carry, raw...)
				r.carry = keep(raw)
			}
			p = p[n:]
			if !yield(r.parse(raw)) {
				r.err = errLeft
			}
		}
	}
}

// Err returns ErrTooLarge once an event was too large.
func (r *Reader) Err() error { return r.err }

// Buffered is how many bytes of an unfinished event the reader holds.
func (r *Reader) Buffered() int { return len(r.carry) }

// Close says that the stream has ended, and returns what was left as an event, read as if a blank line followed; Raw is empty
// if nothing was left. Whole tells whether the blank line is really there: if not, the standard has a client drop the event.
func (r *Reader) Close() (e Event, whole bool) {
	if r.err != nil || len(r.carry) == 0 {
		return Event{}, false
	}
	whole = r.scan.pending
	raw := r.carry
	r.carry, r.err = nil, errLeft
	return r.parse(raw), whole
}

func (r *Reader) limit() int {
	if r.Limit > 0 {
		return r.Limit
	}
	return DefaultLimit
}

// keep returns b emptied for the next use, or nothing if it grew too large to lie idle.
func keep(b []byte) []byte {
	if cap(b) > maxIdle {
		return nil
	}
	return b[:0]
}

// scanner finds where events end. Its state is what the bytes so far say about the line that is being read.
type scanner struct {
	line    bool // the line has a byte
	cr      bool // the byte before was a CR that ended a line: an LF now belongs to it
	pending bool // a blank line ended by CR: the event is over, only an LF may still belong to it
}

// next scans p and returns how many of its bytes belong to the event, and whether the event ends there.
func (s *scanner) next(p []byte) (n int, whole bool) {
	if s.pending {
		return s.afterCR(p, 0)
	}
	line, cr := s.line, s.cr
	for i, c := range p {
		switch {
		case c > '\r' || c != '\n' && c != '\r':
			line, cr = true, false
		case c == '\n' && cr:
			cr = false
		case !line && c == '\n':
			*s = scanner{}
			return i + 1, true
		case !line: // CR
			*s = scanner{pending: true}
			return s.afterCR(p, i+1)
		default:
			line, cr = false, c == '\r'
		}
	}
	s.line, s.cr = line, cr
	return len(p), false
}

// afterCR decides, once there is a byte at i, whether it belongs to the CR before.
func (s *scanner) afterCR(p []byte, i int) (n int, whole bool) {
	if i == len(p) {
		return i, false
	}
	*s = scanner{}
	if p[i] == '\n' {
		i++
	}
	return i, true
}

// lines iterates over the lines of raw without their ends. Each search goes to the next line end only, so that no mix of CR
// and LF makes the whole quadratic.
func lines(raw []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		lf := -1
		for at := 0; at < len(raw); {
			if lf < at {
				if lf = bytes.IndexByte(raw[at:], '\n'); lf < 0 {
					lf = len(raw)
				} else {
					lf += at
				}
			}
			line, next := raw[at:lf], lf+1
			if cr := bytes.IndexByte(line, '\r'); cr >= 0 {
				line = line[:cr]
				if at+cr+1 != lf {
					next = at + cr + 1
				}
			}
			if !yield(line) {
				return
			}
			at = next
		}
	}
}
