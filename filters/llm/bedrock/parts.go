package bedrock

import (
	"strconv"

	"bartizan/filters"
	"bartizan/filters/eventstream"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/redact"
	"bartizan/filters/strictjson"
)

// groupExtra has the keys of what is a part of its own; the group 0 has the pieces of content by their index.
const groupExtra = 1

// place is where a value stands.
type place struct{ start, end int }

func placeOf(d *strictjson.Decoder) place {
	start, end := d.Range()
	return place{start, end}
}

// said is a part of the model's.
func said(kind answer.Kind, mediaType string) *answer.Part {
	return &answer.Part{Kind: kind, Block: filters.Block{Role: "assistant", Origin: filters.OriginAssistant, MediaType: mediaType}}
}

// add notes a piece, where anybody judges.
func (f *found) add(d *strictjson.Decoder, p answer.Piece) {
	if f.parts.Judged && d.Err() == nil {
		f.parts.Add(p)
	}
}

// whole reads one piece of content of a whole answer, which is named by the one member that it has. What is not known is judged as JSON.
func (f *found) whole(d *strictjson.Decoder) {
	mark := d.Mark()
	var part *answer.Part
	var at place
	n := 0
	for name := range d.Object() {
		n++
		switch kind := d.Kind(); {
		case string(name) == "text" && kind == '"':
			d.Skip()
			part, at = said(answer.Text, "text/plain"), placeOf(d)
		case string(name) == "reasoningContent":
			d.Skip()
			part, at = said(answer.Fixed, "application/json"), placeOf(d)
		case string(name) == "toolUse" && kind == '{':
			part, at = f.called(d)
		}
	}
	start, end := d.RangeSince(mark)
	if n > 1 {
		d.Fail("want content with one member")
	}
	if part == nil {
		part, at = said(answer.Other, "application/json"), place{start, end}
	}
	f.add(d, answer.Piece{
		Key: answer.Key{Part: f.index}, Begin: part, Start: at.start, End: at.end,
		Raw: part.Block.MediaType == "application/json", Close: true, Object: [2]int{start, end},
	})
}

// called reads a tool call as a part.
func (f *found) called(d *strictjson.Decoder) (*answer.Part, place) {
	c, input, kind := f.call(d)
	part := said(answer.Call, "application/json")
	if kind == "server_tool_use" { // the provider has carried it out
		part.Kind = answer.Other
	}
	part.Call = len(f.calls) - 1
	part.Block.Origin, part.Block.Name, part.Block.CallID = filters.OriginToolCall, c.Name, c.ID
	return part, input
}

// start reads what a contentBlockStart says of the content to come. Only of a tool call it says anything.
func (f *found) start(d *strictjson.Decoder, name []byte) {
	if string(name) != "toolUse" || d.Kind() != '{' {
		return
	}
	f.begins = true
	part, _ := f.called(d)
	f.add(d, answer.Piece{Begin: part})
}

// delta reads a piece of content. That it is the first, the index tells, which may stand behind it.
func (f *found) delta(d *strictjson.Decoder, name []byte) {
	switch kind := d.Kind(); {
	case string(name) == "text" && kind == '"':
		d.Skip()
		f.adds(d, said(answer.Text, "text/plain"))
	case string(name) == "toolUse" && kind == '{':
		members(d, func(d *strictjson.Decoder, name []byte) {
			if string(name) == "input" && d.Kind() == '"' {
				f.piece = append(f.piece, d.Text()...)
				f.adds(d, nil)
			}
		})
	case string(name) == "reasoningContent" && kind == '{':
		members(d, func(d *strictjson.Decoder, name []byte) {
			if string(name) == "text" && d.Kind() == '"' {
				d.Skip()
				f.adds(d, said(answer.Fixed, "text/plain"))
			}
		})
	case string(name) == "citation":
		f.extra(d, filters.OriginDocument)
	default:
		f.extra(d, filters.OriginAssistant)
	}
}

// adds notes the string that was read last as content; part is what it begins, if nothing has begun at its index.
func (f *found) adds(d *strictjson.Decoder, part *answer.Part) {
	at := placeOf(d)
	f.add(d, answer.Piece{Start: at.start, End: at.end, Begin: part})
}

// extra reads a value that is a part of its own, whole: a citation, an image, or something of a version to come.
func (f *found) extra(d *strictjson.Decoder, origin filters.Origin) {
	kind := d.Kind()
	d.Skip()
	if at := placeOf(d); kind == '{' || kind == '"' || kind == '[' {
		part := said(answer.Other, "application/json")
		part.Block.Origin = origin
		f.add(d, answer.Piece{Key: answer.Key{Group: groupExtra}, Start: at.start, End: at.end, Raw: true, Close: true, Begin: part})
	}
}

// stops notes a stop reason that says that tools are to be called.
func (f *found) stops(d *strictjson.Decoder) {
	if at := placeOf(d); f.parts.Judged && f.stop == "tool_use" && d.Err() == nil {
		f.stopped = &answer.Piece{Stop: true, Start: at.start, End: at.end}
	}
}

// place completes what the event says of parts by what stands elsewhere in it: the index, and the calls so far.
func (r *reading) place(f *found) {
	for i := range f.parts.Pieces {
		p := &f.parts.Pieces[i]
		index := f.index
		switch {
		case p.Stop:
			continue
		case p.Key.Group == groupExtra:
			p.Key.Part = r.extras
			r.extras++
		case p.Object == [2]int{}:
			p.Key.Part = index
			r.begin(p)
		default: // of a whole answer
			index = p.Key.Part
		}
		if p.Begin != nil {
			p.Begin.Block.Pointer = "/output/message/content/" + strconv.FormatInt(index, 10)
			p.Begin.Call += len(r.x.Response.ToolCalls)
		}
	}
}

// begin settles whether a piece is the first of its part: only a tool call says so itself.
func (r *reading) begin(p *answer.Piece) {
	if r.open == nil {
		r.open = map[int64]bool{}
	}
	if r.open[p.Key.Part] && p.Begin != nil && p.Begin.Kind != answer.Call {
		p.Begin = nil
	}
	if p.Begin != nil {
		r.open[p.Key.Part] = true
	}
}

// close ends the part at an index, if one has begun there: content that is no part has its end too.
func (r *reading) close(e *answer.Event, index int64) {
	if e.Judged && r.open[index] {
		e.Add(answer.Piece{Key: answer.Key{Part: index}, Close: true})
		delete(r.open, index)
	}
}

// WriteEvent writes an event with its text or its stop reason changed; content of text, whole, in the place of the begin of a call that
// is gone; and nothing in the place of the rest of that.
func (r *reading) WriteEvent(dst []byte, e *answer.Event) []byte {
	for i := range e.Pieces {
		switch p := &e.Pieces[i]; {
		case p.Stop:
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
	return eventstream.Replace(dst, e.Raw, redact.Apply(e.Data, edits))
}

// WriteBody writes an answer with its content and its stop reason changed.
func (r *reading) WriteBody(e *answer.Event) []byte { return redact.Apply(e.Data, edits(e)) }

func edits(e *answer.Event) []filters.Edit {
	return e.EditsTold("end_turn", func(quoted string) string { return `{"text":` + quoted + `}` })
}
