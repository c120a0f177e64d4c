package openai

import (
	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/llm/openai/internal/fault"
	"bartizan/filters/sse"
	"bartizan/filters/strictjson"
)

// reading reads one answer into x.
type reading struct {
	x     *filters.Exchange
	calls answer.Calls
}

// found is what one chunk, or one JSON body, says.
type found struct {
	model, stop, err string
	calls            []piece
	usage            filters.Usage
}

// piece is what a chunk says of one tool call. Only the first of a call has an id and a name.
type piece struct {
	filters.ToolCall
	index     int64
	arguments []byte
}

// Event reads a chunk, an error, or the end of the stream.
func (r *reading) Event(d *strictjson.Decoder, data []byte) error {
	if string(data) == "[DONE]" {
		r.calls.EndAll(&r.x.Response)
		r.x.Response.Complete = true
		return nil
	}
	return r.read(d)
}

// Body reads a completion or an error.
func (r *reading) Body(d *strictjson.Decoder) error {
	if err := r.read(d); err != nil {
		return err
	}
	r.calls.EndAll(&r.x.Response)
	return nil
}

// read reads a completion, a chunk or an error: no member means different things in them.
func (r *reading) read(d *strictjson.Decoder) error {
	f := found{usage: r.x.Response.Usage}
	for name := range d.Object() {
		switch kind := d.Kind(); string(name) {
		case "model":
			answer.SetName(&f.model, d.MaybeText())
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
	r.apply(f)
	return nil
}

func (f *found) choices(d *strictjson.Decoder, kind strictjson.Kind) {
	if kind != '[' {
		return // null, or something of a version to come: skipped by the loop of the object around it
	}
	for range d.Array() {
		if d.Kind() != '{' {
			continue
		}
		for name := range d.Object() {
			switch string(name) {
			case "finish_reason":
				answer.SetName(&f.stop, d.MaybeText())
			case "delta", "message":
				f.message(d)
			}
		}
	}
}

func (f *found) message(d *strictjson.Decoder) {
	if d.Kind() != '{' {
		return
	}
	for name := range d.Object() {
		switch kind := d.Kind(); {
		case string(name) == "tool_calls" && kind == '[':
			for range d.Array() {
				f.call(d)
			}
		case string(name) == "function_call" && kind == '{': // before tool_calls: it has no id
			var c piece
			f.function(d, &c)
			f.calls = append(f.calls, c)
		}
	}
}

// call reads a tool call, or a piece of one.
func (f *found) call(d *strictjson.Decoder) {
	if d.Kind() != '{' {
		return
	}
	c := piece{index: int64(len(f.calls))} // of a whole answer: there the place tells calls apart
	for name := range d.Object() {
		switch string(name) {
		case "index":
			c.index, _ = d.MaybeInt64()
		case "id":
			answer.SetName(&c.ID, d.MaybeText())
		case "function", "custom":
			f.function(d, &c)
		}
	}
	f.calls = append(f.calls, c)
}

func (f *found) function(d *strictjson.Decoder, c *piece) {
	if d.Kind() != '{' {
		return
	}
	for name := range d.Object() {
		switch string(name) {
		case "name":
			answer.SetName(&c.Name, d.MaybeText())
		case "arguments", "input": // the second of a custom tool: free text
			c.arguments = append(c.arguments, d.MaybeText()...)
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

func (r *reading) apply(f found) {
	out := &r.x.Response
	out.Usage = f.usage
	answer.Replace(&out.Model, f.model)
	answer.Replace(&out.StopReason, f.stop)
	answer.Replace(&out.Error, f.err)
	for _, c := range f.calls {
		if c.ID != "" || c.Name != "" {
			r.calls.Begin(out, c.index, c.ToolCall, c.arguments)
		} else {
			r.calls.Piece(c.index, c.arguments)
		}
	}
	if f.stop != "" { // all of a choice has come
		r.calls.EndAll(out)
	}
}

// CutEvent ends a stream with an error, which the SDKs raise as an APIError with its message, and the event that ends all.
func (r *reading) CutEvent(why filters.Refusal) []byte {
	return sse.Append(sse.Append(nil, "", r.CutBody(why)), "", []byte("[DONE]"))
}

// CutBody stands in the place of a held JSON answer, under the status that has already been sent.
func (r *reading) CutBody(why filters.Refusal) []byte {
	return fault.Of(why.Kind).Body(why)
}
