package bedrock

import (
	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/strictjson"
)

// reading reads one answer of Converse or ConverseStream into x.
type reading struct {
	x      *filters.Exchange
	usage  usage
	calls  answer.Calls
	piece  []byte         // the one of the arguments in the event at hand
	open   map[int64]bool // parts that have begun, and have not ended, by index
	extras int64          // parts so far that are no pieces of content
}

var _ answer.Framed = (*reading)(nil)

// found is what one event, or one JSON body, says.
type found struct {
	model, stop, err string
	calls            []filters.ToolCall
	begins           bool // the one call is of a piece of content that begins: its arguments are to come
	index            int64
	piece            []byte // of the arguments of the call at index
	usage            usage
	parts            *answer.Event
	stopped          *answer.Piece // the stop reason, which is judged after all parts, wherever it stands
}

// Framing is that of AWS's streams.
func (r *reading) Framing(mediaType string) answer.Framing { return framed(mediaType, false) }

// ReadEvent reads the payload of an event; which it is, its name says where the payload does not.
func (r *reading) ReadEvent(d *strictjson.Decoder, e *answer.Event) error {
	if is, err := ended(r.x, d, e); is {
		return err
	}
	f, err := r.read(d, e)
	if err != nil {
		return err
	}
	out := &r.x.Response
	switch string(e.Name) {
	case "contentBlockStart", "contentBlockDelta":
		e.Taken = f.index + 1
	case "contentBlockStop":
		r.calls.End(out, f.index)
		r.close(e, f.index)
	case "messageStop": // only the count of tokens follows
		out.Complete = true
	}
	return nil
}

// ReadBody reads a whole answer or an error: no member means something else in them than in an event.
func (r *reading) ReadBody(d *strictjson.Decoder, e *answer.Event) error {
	_, err := r.read(d, e)
	return err
}

func (r *reading) read(d *strictjson.Decoder, e *answer.Event) (*found, error) {
	f := &found{usage: r.usage, piece: r.piece[:0], parts: e}
	for name := range d.Object() {
		f.member(d, name)
	}
	r.piece = f.piece
	if err := d.End(); err != nil {
		return f, err
	}
	if f.stopped != nil {
		e.Add(*f.stopped)
	}
	r.apply(f)
	return f, nil
}

func (f *found) member(d *strictjson.Decoder, name []byte) {
	switch string(name) {
	case "stopReason":
		answer.SetName(&f.stop, d.MaybeText())
		f.stops(d)
	case "contentBlockIndex":
		f.index, _ = d.MaybeInt64()
	case "usage":
		members(d, f.usage.member)
	case "__type": // of an error, from servers that repeat what the header says
		answer.SetName(&f.err, d.MaybeText())
	case "start": // contentBlockStart
		members(d, f.start)
	case "delta": // contentBlockDelta
		members(d, f.delta)
	case "output":
		members(d, f.output)
	case "trace":
		members(d, f.trace)
	}
}

// members reads an object. What stands in its place in a version to come is skipped by the loop of the object around it.
func members(d *strictjson.Decoder, member func(*strictjson.Decoder, []byte)) {
	if d.Kind() != '{' {
		return
	}
	for name := range d.Object() {
		member(d, name)
	}
}

// output reads {message: {role, content}}.
func (f *found) output(d *strictjson.Decoder, name []byte) {
	if string(name) != "message" {
		return
	}
	members(d, func(d *strictjson.Decoder, name []byte) {
		if string(name) != "content" || d.Kind() != '[' {
			return
		}
		for i := range d.Array() {
			if d.Kind() == '{' {
				f.index = int64(i)
				f.whole(d)
			}
		}
	})
}

// call reads {toolUseId, name, input, type} and notes a tool call, be it of the caller's tool or the provider's.
func (f *found) call(d *strictjson.Decoder) (c filters.ToolCall, input place, kind string) {
	c.Complete = true
	for name := range d.Object() {
		switch string(name) {
		case "toolUseId":
			c.ID = answer.Name(d.MaybeText())
		case "name":
			c.Name = answer.Name(d.MaybeText())
		case "input":
			c.Arguments = answer.Digest(d.Value())
			input = placeOf(d)
		case "type":
			kind = answer.Name(d.MaybeText())
		}
	}
	f.calls = answer.AddToolCall(f.calls, c)
	return c, input, kind
}

// trace reads which model a router has chosen.
func (f *found) trace(d *strictjson.Decoder, name []byte) {
	if string(name) == "promptRouter" {
		members(d, func(d *strictjson.Decoder, name []byte) {
			if string(name) == "invokedModelId" {
				answer.SetName(&f.model, d.MaybeText())
			}
		})
	}
}

func (r *reading) apply(f *found) {
	r.usage = f.usage
	out := &r.x.Response
	out.Usage = f.usage.counted()
	answer.Replace(&out.Model, f.model)
	answer.Replace(&out.StopReason, f.stop)
	answer.Replace(&out.Error, f.err)
	r.place(f)
	r.calls.Take(out, f.index, f.begins, f.calls, f.piece)
}

// CutEvent ends a stream.
func (r *reading) CutEvent(why filters.Refusal, p *answer.Passed) []byte {
	if why.AsMessage {
		return speech(why, p)
	}
	return exception(why)
}

// CutBody stands in the place of a held JSON answer, under the status that has already been sent.
func (r *reading) CutBody(why filters.Refusal) []byte { return errorBody(why) }
