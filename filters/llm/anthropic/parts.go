package anthropic

import (
	"slices"
	"strconv"
	"strings"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/redact"
	"bartizan/filters/sse"
	"bartizan/filters/strictjson"
)

// groupExtra has the keys of what is a part of its own; the group 0 has the content blocks by their index.
const groupExtra = 1

// place is where a value stands.
type place struct{ start, end int }

func placeOf(d *strictjson.Decoder) place {
	start, end := d.Range()
	return place{start, end}
}

// blockSays is what a content block says of itself.
type blockSays struct {
	kind, id, name, toolUse string
	of                      string // the server or the toolset that the tool belongs to
	text, input, content    place  // text: text, thinking or data
}

// block reads a content block of the answer and notes a tool call, be it the caller's tool or the provider's. It is whole in a
// message, and begins in an event.
func (f *found) block(d *strictjson.Decoder, whole bool) {
	var b blockSays
	call := filters.ToolCall{Complete: true}
	mark := d.Mark()
	for name := range d.Object() {
		switch string(name) {
		case "type":
			b.kind = answer.Name(d.MaybeText())
		case "id":
			call.ID = answer.Name(d.MaybeText())
		case "name":
			call.Name = answer.Name(d.MaybeText())
		case "tool_use_id":
			b.toolUse = answer.Name(d.MaybeText())
		case "server_name", "toolset_name":
			b.of = answer.Name(d.MaybeText())
		case "input":
			call.Arguments = answer.Digest(d.Value())
			b.input = placeOf(d)
		case "content":
			d.Skip()
			b.content = placeOf(d)
		case "text", "thinking", "data":
			if d.Kind() == '"' {
				d.Skip()
				if b.text != (place{}) && f.parts.Judged {
					d.Fail("want one text")
				}
				b.text = placeOf(d)
			}
		case "citations":
			f.citations(d)
		}
	}
	if call.Name = toolName(b.of, call.Name); strings.HasSuffix(b.kind, "tool_use") {
		f.calls = answer.AddToolCall(f.calls, call)
	}
	if f.parts.Judged && d.Err() == nil {
		b.id, b.name = call.ID, call.Name
		start, end := d.RangeSince(mark)
		f.parts.Add(f.part(b, place{start, end}, whole))
	}
}

// part is the piece with which a content block begins.
func (f *found) part(b blockSays, object place, whole bool) answer.Piece {
	p := answer.Piece{Close: whole, Begin: &answer.Part{Call: len(f.calls) - 1, Block: filters.Block{
		Role: "assistant", Origin: filters.OriginAssistant, MediaType: "text/plain",
	}}}
	p.Key.Part = f.index
	if whole {
		p.Object = [2]int{object.start, object.end}
	}
	part, at := p.Begin, b.text
	switch {
	case b.kind == "text":
	case strings.HasSuffix(b.kind, "thinking"):
		part.Kind = answer.Fixed
	case strings.HasSuffix(b.kind, "tool_use"):
		if part.Kind = answer.Other; b.kind == "tool_use" {
			part.Kind = answer.Call
		}
		part.Block.Origin, part.Block.Name, part.Block.CallID = filters.OriginToolCall, b.name, b.id
		at, p.Raw = b.input, true
	case strings.HasSuffix(b.kind, "tool_result"):
		part.Kind = answer.Other
		part.Block.Origin, part.Block.Name, part.Block.CallID = filters.OriginToolResult, b.toolUse, b.toolUse
		at, p.Raw = b.content, true
	default:
		part.Kind = answer.Other
		at, p.Raw = object, true
	}
	if p.Raw {
		part.Block.MediaType = "application/json"
	}
	if whole || at.end-at.start > len(`""`) { // what begins is empty: its content comes in pieces
		p.Start, p.End = at.start, at.end
	}
	return p
}

// place completes what the event says of parts by what stands elsewhere in it: the index, and the calls so far.
func (r *reading) place(f *found) {
	calls := r.x.Response.ToolCalls
	for i := range f.parts.Pieces {
		p := &f.parts.Pieces[i]
		switch {
		case p.Stop:
		case p.Key.Group == groupExtra:
			p.Key.Part = r.extras
			r.extras++
		case p.Object == [2]int{}:
			p.Key.Part = f.index
		}
		if p.Begin == nil {
			continue
		}
		b := &p.Begin.Block
		b.Pointer = "/content/" + strconv.FormatInt(f.index, 10)
		if p.Object != [2]int{} {
			b.Pointer = "/content/" + strconv.FormatInt(p.Key.Part, 10)
		}
		p.Begin.Call += len(calls)
		if b.Origin == filters.OriginToolResult {
			if at := slices.IndexFunc(calls, func(c filters.ToolCall) bool { return c.ID == b.CallID }); at >= 0 {
				b.Name = calls[at].Name
			}
		}
	}
}

// adds notes the string that was read last as content of the block.
func (f *found) adds(d *strictjson.Decoder) {
	if at := placeOf(d); f.parts.Judged && d.Err() == nil && f.parts.Data[at.start] == '"' {
		if f.added {
			d.Fail("want one text")
		}
		f.added = true
		f.parts.Add(answer.Piece{Start: at.start, End: at.end})
	}
}

// extra reads a value that is a part of its own, whole: a citation, or something of a version to come.
func (f *found) extra(d *strictjson.Decoder, origin filters.Origin) {
	kind := d.Kind()
	d.Skip()
	if at := placeOf(d); f.parts.Judged && d.Err() == nil && (kind == '{' || kind == '"' || kind == '[') {
		f.parts.Add(answer.Piece{
			Key: answer.Key{Group: groupExtra}, Start: at.start, End: at.end, Raw: true, Close: true,
			Begin: &answer.Part{Kind: answer.Other, Block: filters.Block{
				Role: "assistant", Origin: origin, MediaType: "application/json",
			}},
		})
	}
}

func (f *found) citations(d *strictjson.Decoder) {
	if d.Kind() != '[' {
		return
	}
	for range d.Array() {
		f.extra(d, filters.OriginDocument)
	}
}

// stopped notes a stop reason that says that tools are to be called.
func (f *found) stopped(d *strictjson.Decoder) {
	if f.parts.Judged && f.stop == "tool_use" {
		at := placeOf(d)
		f.parts.Add(answer.Piece{Stop: true, Start: at.start, End: at.end})
	}
}

// WriteEvent writes an event with its text or its stop reason changed; a block of text, whole, in the place of the begin of a call that is
// gone; and nothing in the place of the rest of that.
func (r *reading) WriteEvent(dst []byte, e *answer.Event) []byte {
	for i := range e.Pieces {
		switch p := &e.Pieces[i]; {
		case p.Object != [2]int{} || p.Stop:
		case p.Fate == answer.Told:
			return told(dst, p.Key.Part, p.Text) // in the place of the call
		case p.Fate == answer.Gone:
			return dst
		}
	}
	edits := edits(e)
	if len(edits) == 0 {
		return append(dst, e.Raw...)
	}
	return sse.Replace(dst, e.Event, redact.Apply(e.Data, edits))
}

// WriteBody writes a message with its content and its stop reason changed.
func (r *reading) WriteBody(e *answer.Event) []byte { return redact.Apply(e.Data, edits(e)) }

func edits(e *answer.Event) []filters.Edit {
	return e.EditsTold("end_turn", func(quoted string) string { return `{"type":"text","text":` + quoted + `}` })
}
