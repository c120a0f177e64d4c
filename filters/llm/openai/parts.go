package openai

import (
	"slices"
	"strconv"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/strictjson"
)

// The numbers of the parts of a choice. Calls follow by their index, and what nobody knows yet comes from below zero on.
const (
	partContent = iota
	partRefusal
	partReasoning
	partReason // the same by its other name: there are servers that say it under both
	partFunction
	partCalls
)

// place is where a value stands.
type place struct{ start, end int }

func placeOf(d *strictjson.Decoder) place {
	start, end := d.Range()
	return place{start, end}
}

// text notes a member of a message that is content: a text, or what a version to come says in another form.
func (f *found) text(d *strictjson.Decoder, name []byte, kind strictjson.Kind) {
	d.Skip()
	if !f.parts.Judged || d.Err() != nil || kind != '"' && kind != '{' && kind != '[' {
		return
	}
	at := placeOf(d)
	p := answer.Piece{Start: at.start, End: at.end}
	switch string(name) {
	case "content":
		p.Key.Part = partContent
	case "refusal":
		p.Key.Part = partRefusal
	case "reasoning":
		p.Key.Part = partReason
	case "reasoning_content":
		p.Key.Part = partReasoning
	default:
		p.Key.Part = -1
	}
	if kind != '"' || p.Key.Part < 0 {
		p.Key.Part, p.Raw, p.Close = -1, true, true
	}
	if at.end-at.start > len(`""`) {
		f.parts.Add(p)
	}
}

// stopped notes a finish reason that says that tools are to be called.
func (f *found) stopped(d *strictjson.Decoder, reason string) {
	if f.parts.Judged && (reason == "tool_calls" || reason == "function_call") {
		at := placeOf(d)
		f.stops = append(f.stops, answer.Piece{Stop: true, Start: at.start, End: at.end})
	}
}

// begin completes the texts of an event by what is new in them.
func (r *reading) begin(e *answer.Event) {
	for i := range e.Pieces {
		p := &e.Pieces[i]
		if p.Key.Part < 0 {
			r.extras--
			p.Key.Part = r.extras
			p.Begin = &answer.Part{Kind: answer.Other, Block: r.block(p.Key, "application/json")}
		} else if r.find(p.Key) == nil {
			r.open = append(r.open, opened{key: p.Key})
			p.Begin = &answer.Part{Block: r.block(p.Key, "text/plain")}
		}
		if p.Key.Part == partContent {
			r.speaks(p.Key.Group)
		}
	}
}

// opened is a part that has begun; of a call, with what it is called.
type opened struct {
	key      answer.Key
	id, name string
}

func (o *opened) is(c *call) bool {
	return (c.ID == "" || c.ID == o.id) && (c.Name == "" || c.Name == o.name)
}

func (r *reading) find(k answer.Key) *opened {
	if at := slices.IndexFunc(r.open, func(o opened) bool { return o.key == k }); at >= 0 {
		return &r.open[at]
	}
	return nil
}

func (r *reading) speaks(choice int64) {
	if r.spoke == nil {
		r.spoke = map[int64]bool{}
	}
	r.spoke[choice] = true
}

// callPart notes what an event says of a call. Where two have one index, whoever goes by ids sees two calls, and who goes by indexes one:
// such an answer is given to the gate as what it is, a part that nobody knows.
func (r *reading) callPart(e *answer.Event, c *call, old *opened, begins bool) {
	p := answer.Piece{Key: c.key, Start: c.place.start, End: c.place.end, Object: [2]int{c.object.start, c.object.end}}
	p.Raw = p.End > 0 && e.Data[p.Start] != '"'
	c.odd = c.odd || old == nil && len(r.open) >= maxOpen
	switch {
	case old == nil && !c.odd:
		r.open = append(r.open, opened{c.key, c.ID, c.Name})
		b := r.block(c.key, "application/json")
		if c.custom {
			b.MediaType = "text/plain"
		}
		b.Origin, b.Name, b.CallID = filters.OriginToolCall, c.Name, c.ID
		p.Begin = &answer.Part{Kind: answer.Call, Block: b, Call: -1}
		if begins {
			p.Begin.Call = len(r.x.Response.ToolCalls) - 1
		}
	case begins, c.odd:
		p.Key = answer.Key{Part: -1 << 32}
	}
	if e.Judged {
		e.Add(p)
	}
}

// close ends the open parts, or those of them that are meant.
func (r *reading) close(e *answer.Event, meant func(answer.Key) bool) {
	r.open = slices.DeleteFunc(r.open, func(o opened) bool {
		if meant != nil && !meant(o.key) {
			return false
		}
		if e.Judged {
			e.Add(answer.Piece{Key: o.key, Close: true})
		}
		return true
	})
}

func (r *reading) block(k answer.Key, mediaType string) filters.Block {
	pointer := "/choices/" + strconv.FormatInt(k.Group, 10) + "/message"
	switch {
	case k.Part >= partCalls:
		pointer += "/tool_calls/" + strconv.FormatInt(k.Part-partCalls, 10)
	case k.Part == partContent:
		pointer += "/content"
	case k.Part == partRefusal:
		pointer += "/refusal"
	case k.Part == partReasoning:
		pointer += "/reasoning_content"
	case k.Part == partReason:
		pointer += "/reasoning"
	case k.Part == partFunction:
		pointer += "/function_call"
	}
	return filters.Block{Role: "assistant", Origin: filters.OriginAssistant, MediaType: mediaType, Pointer: pointer}
}
