package bedrock

import (
	"encoding/base64"
	"errors"
	"iter"
	"strings"

	"bartizan/filters"
	"bartizan/filters/eventstream"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/sse"
	"bartizan/filters/strictjson"
)

// failed precedes the name of what ends a stream, in the name of its event.
const failed = "exception:"

// framing cuts the binary stream for package answer: an event's name is that of the frame, and its data the payload.
type framing struct {
	frames eventstream.Reader
	chunks bool // the payload of a chunk carries an event of the model's own API, which is the data then
	data   []byte
	name   []byte
	json   strictjson.Decoder
	err    error
}

// Feed yields the frames of p as events.
func (f *framing) Feed(p []byte) iter.Seq[sse.Event] {
	return func(yield func(sse.Event) bool) {
		for frame := range f.frames.Feed(p) {
			e, err := f.event(frame)
			if err != nil {
				f.err = err
			}
			if f.err == nil && !yield(e) {
				f.err = errors.New("the stream was left")
			}
		}
	}
}

func (f *framing) event(frame eventstream.Frame) (sse.Event, error) {
	f.name = append(f.name[:0], frame.Name...)
	e := sse.Event{Raw: frame.Raw, Name: f.name, Data: frame.Payload}
	if frame.Kind != eventstream.Event {
		f.name = append(append(f.name[:0], failed...), frame.Name...)
		e.Name = f.name
		if frame.Kind != eventstream.Exception { // what it says is in its headers
			e.Data = []byte("{}")
		}
		return e, nil
	}
	if f.chunks && frame.Name == "chunk" {
		var err error
		e.Data, err = f.unwrap(frame.Payload)
		return e, err
	}
	return e, nil
}

// unwrap reads {bytes, p}, of which p is padding.
func (f *framing) unwrap(payload []byte) ([]byte, error) {
	f.json.Reset(payload)
	var text []byte
	for name := range f.json.Object() {
		if string(name) == "bytes" {
			text = f.json.Text()
		}
	}
	if err := f.json.End(); err != nil {
		return nil, err
	}
	var err error
	if f.data, err = base64.StdEncoding.AppendDecode(f.data[:0], text); err != nil {
		return nil, errors.New("a chunk is not in base64")
	}
	return f.data, nil
}

// Close drops a frame that was cut off, as a client does.
func (f *framing) Close() (sse.Event, bool) { return sse.Event{}, false }

// Err returns what is wrong with the stream, if anything.
func (f *framing) Err() error {
	if f.err != nil {
		return f.err
	}
	return f.frames.Err()
}

// Buffered is how many bytes of an unfinished frame are held.
func (f *framing) Buffered() int { return f.frames.Buffered() }

// framed is the framing of a media type; nil: it has none here.
func framed(mediaType string, chunks bool) answer.Framing {
	if mediaType != eventstream.MediaType {
		return nil
	}
	return &framing{chunks: chunks}
}

// ended reads an exception, if the event is one.
func ended(x *filters.Exchange, d *strictjson.Decoder, e *answer.Event) (is bool, err error) {
	name, is := strings.CutPrefix(string(e.Name), failed)
	if !is {
		return false, nil
	}
	d.Skip()
	if err := d.End(); err != nil {
		return true, err
	}
	x.Response.Error = answer.Name([]byte(name))
	e.Last = true
	return true, nil
}

// chunk is a frame that carries an event of the model's own API.
func chunk(data []byte) []byte {
	return event(nil, "chunk", `{"bytes":"`+base64.StdEncoding.EncodeToString(data)+`"}`)
}

// chunks appends events of the Messages API, in a frame each.
func chunks(dst, events []byte) []byte {
	var reader sse.Reader
	for e := range reader.Feed(events) {
		dst = append(dst, chunk(e.Data)...)
	}
	return dst
}

// invoked reads answers of InvokeModel and InvokeModelWithResponseStream: those of the Messages API, in frames of AWS's.
type invoked struct {
	answer.Dialect
	x *filters.Exchange
}

// Framing is that of AWS's streams. Server-sent events have no place here.
func (r *invoked) Framing(mediaType string) answer.Framing { return framed(mediaType, true) }

// ReadEvent reads the event of a chunk, or an exception. Other frames carry nothing of the model.
func (r *invoked) ReadEvent(d *strictjson.Decoder, e *answer.Event) error {
	if is, err := ended(r.x, d, e); is {
		return err
	}
	if string(e.Name) != "chunk" {
		d.Skip()
		return d.End()
	}
	return r.Dialect.ReadEvent(d, e)
}

// WriteEvent writes the events that stand in the place of one, in a chunk each.
func (r *invoked) WriteEvent(dst []byte, e *answer.Event) []byte {
	bare := *e
	bare.Raw = sse.Append(nil, "", e.Data)
	return chunks(dst, r.Dialect.WriteEvent(nil, &bare))
}

// CutEvent ends a stream.
func (r *invoked) CutEvent(why filters.Refusal, p *answer.Passed) []byte {
	if why.AsMessage {
		return chunks(nil, r.Dialect.CutEvent(why, p))
	}
	return exception(why)
}

// CutBody stands in the place of a held JSON answer.
func (r *invoked) CutBody(why filters.Refusal) []byte { return errorBody(why) }

// ReadBody reads an answer of the model, or an error of AWS's.
func (r *invoked) ReadBody(d *strictjson.Decoder, e *answer.Event) error {
	if r.x.Response.Status >= 400 {
		return (&reading{x: r.x}).ReadBody(d, e)
	}
	return r.Dialect.ReadBody(d, e)
}
