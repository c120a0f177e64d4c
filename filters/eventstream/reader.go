package eventstream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
)

// MediaType is what the content-type of such a stream says.
const MediaType = "application/vnd.amazon.eventstream"

// Limits, in bytes.
const (
	Limit = 8 << 20 // of a frame: an image arrives as one

	maxHeaders = 8 << 10 // of a frame's headers; common ones have 100. The library needs time by the square of their number
	maxIdle    = 4 << 10 // of what is kept in memory between frames
	prelude    = 12      // two lengths and their checksum
	overhead   = prelude + 4
)

// ErrTooLarge says that a frame exceeds Limit.
var ErrTooLarge = errors.New("a frame is larger than 8 MiB")

var errLeft = errors.New("reader was left in the middle of a chunk")

// Kind is the value of the header :message-type.
type Kind string

// The kinds of frames.
const (
	Event     Kind = "event"
	Exception Kind = "exception" // of the service's own model
	Error     Kind = "error"     // of the stream itself; it has a code and a message in its headers
)

// Frame is one message.
type Frame struct {
	Raw     []byte // all of it, as it came
	Kind    Kind
	Name    string // of the event or the exception; the code of an error
	Payload []byte
}

// Reader cuts a stream into frames. The zero value is ready.
type Reader struct {
	carry   []byte // the beginning of a frame whose end has not come
	payload []byte
	decoder eventstream.Decoder
	err     error
}

// Feed takes the next chunk and yields the frames that it completes. A frame aliases p or the reader's own memory: it is valid until
// the loop goes on. The loop must run to its end; a reader whose loop was left early is of no more use.
func (r *Reader) Feed(p []byte) iter.Seq[Frame] {
	return func(yield func(Frame) bool) {
		for r.err == nil {
			raw := r.next(&p)
			if raw == nil {
				return
			}
			f, err := r.parse(raw)
			if err != nil {
				r.err = err
				return
			}
			if !yield(f) {
				r.err = errLeft
			}
		}
	}
}

// Err returns what is wrong with the stream, if anything.
func (r *Reader) Err() error { return r.err }

// Buffered is how many bytes of an unfinished frame the reader holds.
func (r *Reader) Buffered() int { return len(r.carry) }

// next takes a whole frame off p, or all of it and returns nil.
func (r *Reader) next(p *[]byte) (raw []byte) {
	if len(r.carry) == 0 {
		n := r.size(*p)
		if r.err == nil && n <= len(*p) {
			raw, *p = (*p)[:n:n], (*p)[n:]
			return raw
		}
	}
	for want := r.size(r.carry); r.err == nil && len(*p) > 0; want = r.size(r.carry) {
		n := min(want-len(r.carry), len(*p))
		r.carry, *p = append(r.carry, (*p)[:n]...), (*p)[n:]
		if n := len(r.carry); n > prelude && n == want {
			raw, r.carry = r.carry, keep(r.carry)
			return raw
		}
	}
	return nil
}

// size is how long the frame is that begins with b; as long as that is not to be seen, how much of it has to be seen.
func (r *Reader) size(b []byte) int {
	if len(b) < prelude {
		return prelude
	}
	n, headers := int64(binary.BigEndian.Uint32(b)), int64(binary.BigEndian.Uint32(b[4:]))
	switch {
	case crc32.ChecksumIEEE(b[:8]) != binary.BigEndian.Uint32(b[8:]):
		r.err = errors.New("a frame is damaged: the checksum of its lengths is wrong")
	case n > Limit:
		r.err = ErrTooLarge
	case n < overhead || headers > min(n-overhead, maxHeaders):
		r.err = errors.New("a frame has wrong lengths")
	}
	return int(n)
}

func (r *Reader) parse(raw []byte) (Frame, error) {
	m, err := r.decoder.Decode(bytes.NewReader(raw), r.payload)
	if err != nil {
		return Frame{}, fmt.Errorf("a frame is damaged: %w", err)
	}
	r.payload = keep(m.Payload)
	f := Frame{Raw: raw, Payload: m.Payload}
	kind, ok := text(m.Headers, ":message-type")
	f.Kind = Kind(kind)
	named := true
	switch f.Kind {
	case Event:
		f.Name, named = text(m.Headers, ":event-type")
	case Exception:
		f.Name, named = text(m.Headers, ":exception-type")
	case Error:
		f.Name, named = text(m.Headers, ":error-code")
	}
	if !ok || !named {
		return Frame{}, errors.New("a frame does not say what it is")
	}
	return f, nil
}

func text(headers eventstream.Headers, name string) (string, bool) {
	s, ok := headers.Get(name).(eventstream.StringValue)
	return string(s), ok
}

// keep returns b emptied for the next use, or nothing if it grew too large to lie idle.
func keep(b []byte) []byte {
	if cap(b) > maxIdle {
		return nil
	}
	return b[:0]
}

// Replace appends to dst a frame that was read (Frame.Raw), with another payload.
func Replace(dst, raw, payload []byte) []byte {
	m, err := eventstream.NewDecoder().Decode(bytes.NewReader(raw), nil)
	if err != nil {
		return dst // not reached: it was read before
	}
	return append(dst, encode(m.Headers, payload)...)
}

// Append adds a frame with a JSON payload to dst. The name is of at most 32 KiB.
func Append(dst []byte, kind Kind, name string, payload []byte) []byte {
	return append(dst, encode(eventstream.Headers{
		{Name: ":" + string(kind) + "-type", Value: eventstream.StringValue(name)},
		{Name: ":content-type", Value: eventstream.StringValue("application/json")},
		{Name: ":message-type", Value: eventstream.StringValue(kind)},
	}, payload)...)
}

func encode(headers eventstream.Headers, payload []byte) []byte {
	var b bytes.Buffer
	// Headers come from a frame that was read, or are ours: none is too long. A bytes.Buffer takes all.
	_ = eventstream.NewEncoder().Encode(&b, eventstream.Message{Headers: headers, Payload: payload})
	return b.Bytes()
}
