package openai

import (
	"math"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/llm/openai/internal/fault"
	"bartizan/filters/sse"
	"bartizan/filters/strictjson"
)

// reading reads one answer into x.
type reading struct {
	x      *filters.Exchange
	id     string // of the completion
	calls  answer.Calls
	open   []opened       // parts that have begun and not ended
	spoke  map[int64]bool // choices that have said something
	extras int64          // parts so far that are neither texts nor calls
}

var _ answer.Dialect = (*reading)(nil)

// maxChoices limits the choices of one event; OpenAI makes 128 at most. No more parts than maxOpen are open at one time.
const (
	maxChoices = 1 << 10
	maxOpen    = 1 << 10
)

// found is what one chunk, or one JSON body, says.
type found struct {
	id               string
	model, stop, err string
	calls            []call
	ended            []int64        // choices of which all has come
	indexes          map[int64]bool // of the choices that were read
	usage            filters.Usage
	parts            *answer.Event
	stops            []answer.Piece
	failed           bool // it is an error
}

// call is what a chunk says of one tool call. Only the first of a call has an id and a name.
type call struct {
	filters.ToolCall
	key       answer.Key
	custom    bool // its arguments are a text
	odd       bool // its index is none
	arguments []byte
	place     place // of the arguments
	object    place
}

// ReadEvent reads a chunk, an error, or the end of the stream.
func (r *reading) ReadEvent(d *strictjson.Decoder, e *answer.Event) error {
	if string(e.Data) == "[DONE]" {
		r.calls.EndAll(&r.x.Response)
		r.close(e, nil)
		r.x.Response.Complete = true
		return nil
	}
	return r.read(d, e)
}

// ReadBody reads a completion or an error.
func (r *reading) ReadBody(d *strictjson.Decoder, e *answer.Event) error {
	if err := r.read(d, e); err != nil {
		return err
	}
	r.calls.EndAll(&r.x.Response)
	r.close(e, nil)
	return nil
}

// read reads a completion, a chunk or an error: no member means different things in them.
func (r *reading) read(d *strictjson.Decoder, e *answer.Event) error {
	f := found{id: r.id, usage: r.x.Response.Usage, parts: e}
	var object, typ string
	for name := range d.Object() {
		switch kind := d.Kind(); string(name) {
		case "id":
			if f.id == "" {
				answer.SetName(&f.id, d.MaybeText())
			}
		case "model":
			answer.SetName(&f.model, d.MaybeText())
		case "object":
			answer.SetName(&object, d.MaybeText())
		case "type":
			answer.SetName(&typ, d.MaybeText())
		case "choices":
			f.choices(d, kind)
		case "usage":
			f.count(d, kind)
		case "service_tier":
			f.usage.Term(answer.Name(d.MaybeText()))
		case "error":
			f.failure(d, kind)
		}
	}
	if err := d.End(); err != nil {
		return err
	}
	if object == "error" && f.err == "" {
		f.err = typ // as vLLM answers: the error itself, with nothing around it
	}
	r.apply(&f)
	return nil
}

func (f *found) choices(d *strictjson.Decoder, kind strictjson.Kind) {
	if kind != '[' {
		return // null, or something of a version to come: skipped by the loop of the object around it
	}
	for range d.Array() {
		if d.Kind() == '{' {
			f.choice(d)
		}
	}
}

// choice reads one of the answers to one request. Its index, which may come last, is the group of what it says.
func (f *found) choice(d *strictjson.Decoder) {
	index, stop, probabilities := int64(0), "", place{}
	parts, calls, messages := len(f.parts.Pieces), len(f.calls), 0
	for name := range d.Object() {
		switch string(name) {
		case "index":
			index, _ = d.MaybeInt64()
		case "finish_reason":
			answer.SetName(&stop, d.MaybeText())
			f.stopped(d, stop)
		case "delta", "message":
			if messages++; messages > 1 && f.parts.Judged {
				d.Fail("want a delta or a message")
			}
			f.message(d)
		case "logprobs":
			d.Skip()
			probabilities = placeOf(d)
		}
	}
	f.once(d, index)
	for i := range f.parts.Pieces[parts:] {
		p := &f.parts.Pieces[parts+i]
		p.Key.Group = index
		p.Object = [2]int{probabilities.start, probabilities.end}
	}
	for i := range f.calls[calls:] {
		f.calls[calls+i].key.Group = index
	}
	if stop != "" {
		f.stop, f.ended = stop, append(f.ended, index)
		if n := len(f.stops); n > 0 {
			f.stops[n-1].Key.Group = index
		}
	}
}

// once sees to it that an event that is judged speaks of each choice once, and of no more of them than can be written.
func (f *found) once(d *strictjson.Decoder, index int64) {
	switch {
	case !f.parts.Judged:
		return
	case f.indexes == nil:
		f.indexes = map[int64]bool{}
	case f.indexes[index] || len(f.indexes) == maxChoices:
		d.Fail("want each choice once, and no more than 1024")
	}
	f.indexes[index] = true
}

// message reads what a model says, or a piece of it.
func (f *found) message(d *strictjson.Decoder) {
	if d.Kind() != '{' {
		return
	}
	for name := range d.Object() {
		switch kind := d.Kind(); string(name) {
		case "tool_calls":
			if kind == '[' {
				for i := range d.Array() {
					f.call(d, int64(i))
				}
			}
		case "function_call": // before tool_calls: it has no id
			if kind == '{' {
				c := call{key: answer.Key{Part: partFunction}}
				mark := d.Mark()
				f.function(d, &c)
				c.object.start, c.object.end = d.RangeSince(mark)
				f.calls = append(f.calls, c)
			}
		case "role":
		default:
			f.text(d, name, kind)
		}
	}
}

// call reads a tool call, or a piece of one. Of a whole answer the place tells calls apart.
func (f *found) call(d *strictjson.Decoder, index int64) {
	if d.Kind() != '{' {
		return
	}
	if len(f.calls) == answer.MaxParts {
		d.Fail("want fewer calls")
		return
	}
	var c call
	mark := d.Mark()
	for name := range d.Object() {
		switch string(name) {
		case "index":
			index, _ = d.MaybeInt64()
			c.odd = c.odd || index < 0 || index > math.MaxInt32
		case "id":
			answer.SetName(&c.ID, d.MaybeText())
		case "custom":
			c.custom = true
			f.function(d, &c)
		case "function":
			f.function(d, &c)
		}
	}
	c.object.start, c.object.end = d.RangeSince(mark)
	c.key.Part = partCalls + index
	f.calls = append(f.calls, c)
}

func (f *found) function(d *strictjson.Decoder, c *call) {
	if d.Kind() != '{' {
		return
	}
	c.odd = c.odd || c.Name != "" // the call has two
	for name := range d.Object() {
		switch string(name) {
		case "name":
			answer.SetName(&c.Name, d.MaybeText())
		case "arguments", "input": // the second of a custom tool: free text
			c.odd = c.odd || c.place != place{} // which of two is meant, each client decides for itself
			c.arguments = append(c.arguments, d.MaybeText()...)
			c.place = placeOf(d)
		}
	}
}

func (f *found) count(d *strictjson.Decoder, kind strictjson.Kind) {
	if kind != '{' {
		return // null in all chunks but the last
	}
	for name := range d.Object() {
		switch kind := d.Kind(); string(name) {
		case "prompt_tokens": // what was read from a cache included
			answer.SetTokens(d, &f.usage.Input)
		case "completion_tokens":
			answer.SetTokens(d, &f.usage.Output)
		case "prompt_tokens_details", "completion_tokens_details":
			f.details(d, kind)
		}
	}
}

func (f *found) details(d *strictjson.Decoder, kind strictjson.Kind) {
	if kind != '{' {
		return
	}
	for name := range d.Object() {
		switch string(name) {
		case "cached_tokens":
			answer.SetTokens(d, &f.usage.CacheRead)
		case "cache_write_tokens":
			answer.SetTokens(d, &f.usage.CacheCreation)
		case "reasoning_tokens":
			answer.SetTokens(d, &f.usage.Reasoning)
		}
	}
}

// failure reads an error's code, which says more than its type, where it has one.
func (f *found) failure(d *strictjson.Decoder, kind strictjson.Kind) {
	if kind != '{' {
		return
	}
	f.failed = true
	var code, typ string
	for name := range d.Object() {
		switch string(name) {
		case "code":
			answer.SetName(&code, d.MaybeText())
		case "type":
			answer.SetName(&typ, d.MaybeText())
		}
	}
	if f.err = code; code == "" {
		f.err = typ
	}
}

func (r *reading) apply(f *found) {
	out := &r.x.Response
	out.Usage, r.id = f.usage, f.id
	answer.Replace(&out.Model, f.model)
	answer.Replace(&out.StopReason, f.stop)
	answer.Replace(&out.Error, f.err)
	r.begin(f.parts)
	for i := range f.calls {
		c := &f.calls[i]
		id := c.key.Group<<32 | c.key.Part
		old := r.find(c.key)
		begins := (c.ID != "" || c.Name != "") && (old == nil || !old.is(c)) // there are servers that say both again and again
		if begins {
			r.calls.Begin(out, id, c.ToolCall, c.arguments)
		} else {
			r.calls.Piece(id, c.arguments)
		}
		r.callPart(f.parts, c, old, begins)
	}
	for _, index := range f.ended {
		r.calls.EndGroup(out, index)
		r.close(f.parts, func(k answer.Key) bool { return k.Group == index })
	}
	f.parts.Pieces = append(f.parts.Pieces, f.stops...)
	f.parts.Last = f.failed
}

// CutEvent ends a stream with an error, which the SDKs raise as an APIError with its message, and the event that ends all.
func (r *reading) CutEvent(why filters.Refusal, p *answer.Passed) []byte {
	if why.AsMessage {
		return speech(r.x, r.id, why, p)
	}
	return sse.Append(sse.Append(nil, "", r.CutBody(why)), "", []byte("[DONE]"))
}

// CutBody stands in the place of a held JSON answer, under the status that has already been sent.
func (r *reading) CutBody(why filters.Refusal) []byte {
	return fault.Of(why.Kind).Body(why)
}
