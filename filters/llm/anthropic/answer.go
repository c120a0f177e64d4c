package anthropic

import (
	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/sse"
	"bartizan/filters/strictjson"
)

// reading reads one answer into x.
type reading struct {
	x      *filters.Exchange
	usage  usage
	calls  answer.Calls
	piece  []byte // the one of the arguments in the event at hand
	extras int64  // parts so far that are no content blocks
}

var _ answer.Dialect = (*reading)(nil)

// found is what one event, or one JSON body, says.
type found struct {
	kind, model, stop, err string
	calls                  []filters.ToolCall
	begins                 bool // the one call is of a block that begins: its arguments are to come
	index                  int64
	piece                  []byte // of the arguments of the call at index
	usage                  usage
	parts                  *answer.Event
	added                  bool // content of the block at index has come
	opaque                 bool // an event of a type that carries no content, or that nobody knows yet
}

// ReadEvent reads an event of a stream by the type in its data, which is what the SDKs go by; the event's name repeats it.
func (r *reading) ReadEvent(d *strictjson.Decoder, e *answer.Event) error {
	f := found{usage: r.usage, piece: r.piece[:0], parts: e}
	for name := range d.Object() {
		f.member(d, name)
	}
	r.piece = f.piece
	if err := d.End(); err != nil {
		return err
	}
	r.apply(&f)
	if f.begins {
		e.Taken = f.index + 1
	}
	if f.opaque {
		e.Pieces = e.Pieces[:0]
	}
	e.Quiet, e.Last = f.kind == "ping", f.kind == "error"
	return nil
}

// ReadBody reads a message or an error: no member means something else in them than in an event.
func (r *reading) ReadBody(d *strictjson.Decoder, e *answer.Event) error {
	f := found{usage: r.usage, parts: e}
	for name := range d.Object() {
		f.member(d, name)
	}
	if err := d.End(); err != nil {
		return err
	}
	r.apply(&f)
	return nil
}

func (f *found) member(d *strictjson.Decoder, name []byte) {
	switch kind := d.Kind(); string(name) {
	case "type":
		f.setKind(d.MaybeText())
	case "model":
		answer.SetName(&f.model, d.MaybeText())
	case "stop_reason":
		answer.SetName(&f.stop, d.MaybeText())
		f.stopped(d)
	case "usage":
		f.object(d, kind, f.usage.member)
	case "message": // message_start
		f.object(d, kind, f.message)
	case "delta": // message_delta, content_block_delta
		f.object(d, kind, f.delta)
	case "index": // of a content block
		f.index, _ = d.MaybeInt64()
	case "content_block": // content_block_start
		if kind == '{' {
			f.begins = true
			f.block(d, false)
		}
	case "content":
		f.blocks(d, kind)
	case "error":
		f.object(d, kind, f.failure)
	}
}

// setKind keeps only the types that matter, so that the many deltas cost no memory.
func (f *found) setKind(kind []byte) {
	switch string(kind) {
	case "content_block_stop":
		f.kind = "content_block_stop"
	case "content_block_start", "content_block_delta", "message_start", "message_delta", "message":
	case "message_stop":
		f.kind, f.opaque = "message_stop", true
	case "error":
		f.kind, f.opaque = "error", true
	case "ping":
		f.kind, f.opaque = "ping", true
	default:
		f.opaque = true
	}
}

func (f *found) object(d *strictjson.Decoder, kind strictjson.Kind, member func(*strictjson.Decoder, []byte)) {
	if kind != '{' {
		return // null, or something of a version to come: skipped by the loop of the object around it
	}
	for name := range d.Object() {
		member(d, name)
	}
}

// message reads the members of a message or of its delta.
func (f *found) message(d *strictjson.Decoder, name []byte) {
	switch string(name) {
	case "model", "stop_reason", "usage", "content":
		f.member(d, name)
	}
}

// delta reads a piece of a block, or what a message_delta adds to the message.
func (f *found) delta(d *strictjson.Decoder, name []byte) {
	switch string(name) {
	case "partial_json":
		f.piece = append(f.piece, d.MaybeText()...)
		f.adds(d)
	case "text", "thinking":
		d.Skip()
		f.adds(d)
	case "citation": // what it quotes comes from a document
		f.extra(d, filters.OriginDocument)
	case "model", "stop_reason", "usage", "content":
		f.message(d, name)
	case "type", "signature", "stop_sequence", "stop_details", "container", "context_management":
	default:
		f.extra(d, filters.OriginAssistant)
	}
}

func (f *found) failure(d *strictjson.Decoder, name []byte) {
	if string(name) == "type" {
		answer.SetName(&f.err, d.MaybeText())
	}
}

func (f *found) blocks(d *strictjson.Decoder, kind strictjson.Kind) {
	if kind != '[' {
		return
	}
	for i := range d.Array() {
		if d.Kind() == '{' {
			f.index = int64(i)
			f.block(d, true)
		}
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
	switch f.kind {
	case "content_block_stop":
		r.calls.End(out, f.index)
		if f.parts.Judged {
			f.parts.Add(answer.Piece{Key: answer.Key{Part: f.index}, Close: true})
		}
	case "message_stop":
		out.Complete = true
	}
}

// CutEvent ends a stream so that Claude Code shows the message after one try; an overloaded_error it would try four times.
func (r *reading) CutEvent(why filters.Refusal, p *answer.Passed) []byte {
	if why.AsMessage {
		return speech(r.x, why, p)
	}
	kind := "api_error"
	if why.Kind == filters.RefusedByPolicy {
		kind = "permission_error"
	}
	return sse.Append(nil, "error", errorBody(kind, why))
}

// CutBody stands in the place of a held JSON answer, under the status that has already been sent.
func (r *reading) CutBody(why filters.Refusal) []byte {
	_, kind := refusal(why.Kind)
	return errorBody(kind, why)
}
