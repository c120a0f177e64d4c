package responses

import (
	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/strictjson"
)

// reading reads one answer into x.
type reading struct {
	x        *filters.Exchange
	calls    map[int64]int // place in Response.ToolCalls by the place in the output
	searches int64         // seen, where the provider does not count them itself
	kept     bool          // it was given before: nothing is counted
	id       string        // of the response
	next     int64         // the sequence number that the next event has,
	passed   int64         // and the one behind what has passed, as they came
	parts    map[answer.Key]*progress
	told     map[int64]string // what stands in the place of a call, by its place in the output
	shift    int64            // how much larger the sequence numbers are that pass
	found    found            // of the event at hand
}

var _ answer.Dialect = (*reading)(nil)

// found is what one event, or one JSON body, says.
type found struct {
	what                                        what
	id, model, status, reason, err              string
	code                                        string // of an error
	sequence, output, content, summary, comment int64  // the indices of what the event is about
	summarizes                                  bool
	items                                       []output // of the event one; of a response all
	part                                        content
	said                                        filters.Span // a text, or a piece of one
	twice                                       bool         // there is another
	value                                       filters.Span // an annotation, or what came of a call
	logprobs                                    filters.Span
	usage                                       filters.Usage
	searches                                    int64 // that the provider counts; -1: it does not
}

// ReadEvent reads an event of a stream by the type in its data, which is what the SDKs go by; the event's name repeats it.
func (r *reading) ReadEvent(d *strictjson.Decoder, e *answer.Event) error {
	f := &r.found
	*f = found{usage: r.x.Response.Usage, sequence: r.next, searches: -1, output: -1}
	for name := range d.Object() {
		f.member(d, name)
	}
	if err := d.End(); err != nil {
		return err
	}
	r.next, e.Number, e.Taken = f.sequence+1, f.sequence, f.output+1
	r.apply(f)
	if e.Judged {
		r.pieces(f, e)
	} else {
		r.Passes(e)
	}
	e.Last = f.what == ended || f.what == failed
	return nil
}

// member reads a member of an event. Of the names under which an event says text, each has its one.
func (f *found) member(d *strictjson.Decoder, name []byte) {
	switch kind := d.Kind(); string(name) {
	case "type":
		f.what = whatOf(d.MaybeText())
	case "sequence_number":
		f.sequence, _ = d.MaybeInt64()
	case "output_index":
		f.output, _ = d.MaybeInt64()
	case "content_index":
		f.content, _ = d.MaybeInt64()
	case "annotation_index":
		f.comment, _ = d.MaybeInt64()
	case "summary_index":
		f.summary, _ = d.MaybeInt64()
		f.summarizes = true
	case "item":
		if kind == '{' {
			f.items = append(f.items, readOutput(d))
		}
	case "part":
		if kind == '{' {
			f.part = readContent(d)
		}
	case "response":
		object(d, kind, f.response)
	case "error":
		object(d, kind, f.failure)
	case "annotation":
		f.value = spanOf(d)
	case "logprobs":
		f.logprobs = spanOf(d)
	case "code": // of an error; or what an interpreter is to run
		if kind == '"' {
			answer.SetName(&f.code, d.Text())
			start, end := d.Range()
			f.says(filters.Span{Start: start, End: end})
		}
	case "delta", "text", "refusal", "arguments", "input", "command", "diff", "output":
		switch kind {
		case '"':
			f.says(spanOf(d))
		case '{', '[':
			f.value = spanOf(d)
		}
	}
}

func (f *found) says(at filters.Span) {
	f.twice = f.said != filters.Span{}
	f.said = at
}

// ReadBody reads a response, or an error.
func (r *reading) ReadBody(d *strictjson.Decoder, e *answer.Event) error {
	f := &r.found
	*f = found{what: ended, usage: r.x.Response.Usage, searches: -1}
	for name := range d.Object() {
		f.response(d, name)
	}
	if err := d.End(); err != nil {
		return err
	}
	r.apply(f)
	if e.Judged {
		r.pieces(f, e)
	}
	return nil
}

// spanOf reads a value, and tells where it stands.
func spanOf(d *strictjson.Decoder) filters.Span {
	d.Skip()
	start, end := d.Range()
	return filters.Span{Start: start, End: end}
}

// object reads the members of an object. Anything else, of a version to come, is skipped by the loop around it.
func object(d *strictjson.Decoder, kind strictjson.Kind, member func(d *strictjson.Decoder, name []byte)) {
	if kind != '{' {
		return
	}
	for name := range d.Object() {
		member(d, name)
	}
}

func (f *found) response(d *strictjson.Decoder, name []byte) {
	switch kind := d.Kind(); string(name) {
	case "id":
		answer.SetName(&f.id, d.MaybeText())
	case "model":
		answer.SetName(&f.model, d.MaybeText())
	case "status":
		answer.SetName(&f.status, d.MaybeText())
	case "incomplete_details":
		object(d, kind, func(d *strictjson.Decoder, name []byte) {
			if string(name) == "reason" {
				answer.SetName(&f.reason, d.MaybeText())
			}
		})
	case "error":
		object(d, kind, f.failure)
	case "usage":
		object(d, kind, f.count)
	case "service_tier":
		f.usage.Term(answer.Name(d.MaybeText()))
	case "tool_usage":
		object(d, kind, f.tools)
	case "output":
		if kind != '[' {
			return
		}
		for range d.Array() {
			if f.items = append(f.items, readOutput(d)); len(f.items) > answer.MaxParts {
				d.Fail("want fewer items")
			}
		}
	}
}

// failure reads an error's code, which says more than its type, where it has one.
func (f *found) failure(d *strictjson.Decoder, name []byte) {
	switch string(name) {
	case "code":
		answer.SetName(&f.err, d.MaybeText())
	case "type":
		if kind := d.MaybeText(); f.err == "" {
			answer.SetName(&f.err, kind)
		}
	}
}

// count reads usage. What was read from and written to a cache is part of the input, and what was spent on reasoning of the output.
func (f *found) count(d *strictjson.Decoder, name []byte) {
	switch string(name) {
	case "input_tokens":
		answer.SetTokens(d, &f.usage.Input)
	case "output_tokens":
		answer.SetTokens(d, &f.usage.Output)
	case "cached_tokens":
		answer.SetTokens(d, &f.usage.CacheRead)
	case "cache_write_tokens":
		answer.SetTokens(d, &f.usage.CacheCreation)
	case "reasoning_tokens":
		answer.SetTokens(d, &f.usage.Reasoning)
	case "input_tokens_details", "output_tokens_details":
		object(d, d.Kind(), f.count)
	}
}

func (f *found) tools(d *strictjson.Decoder, name []byte) {
	if string(name) != "web_search" {
		return
	}
	object(d, d.Kind(), func(d *strictjson.Decoder, name []byte) {
		if string(name) == "num_requests" {
			answer.SetTokens(d, &f.searches)
		}
	})
}

func (r *reading) apply(f *found) {
	out := &r.x.Response
	searches := out.Usage.WebSearches
	out.Usage = f.usage
	answer.Replace(&r.id, f.id)
	answer.Replace(&out.Model, f.model)
	answer.Replace(&out.Error, f.err)
	switch f.what {
	case itemAdded:
		for _, item := range f.items {
			r.begin(f.output, item)
		}
	case itemDone:
		for _, item := range f.items {
			r.complete(f.output, item)
		}
	case ended:
		for i, item := range f.items {
			r.complete(int64(i), item)
		}
		answer.Replace(&out.StopReason, f.status)
		answer.Replace(&out.StopReason, f.reason)
		out.Complete = true
	case failed:
		answer.Replace(&out.Error, f.code)
	}
	if out.Usage.WebSearches = max(searches, r.searches); f.searches >= 0 {
		out.Usage.WebSearches = f.searches
	}
	if r.kept {
		out.Usage = filters.Usage{}
	}
}

// begin notes a call whose arguments are still to come.
func (r *reading) begin(index int64, item output) (place int, ok bool) {
	if place, ok := r.calls[index]; ok || !isCall(item.kind) {
		return place, ok
	}
	out := &r.x.Response
	place = len(out.ToolCalls)
	out.ToolCalls = answer.AddToolCall(out.ToolCalls, filters.ToolCall{ID: item.call(), Name: item.tool()})
	if len(out.ToolCalls) == place {
		return 0, false
	}
	if r.calls == nil {
		r.calls = map[int64]int{}
	}
	r.calls[index] = place
	return place, true
}

// complete notes a call with its arguments. A response repeats at its end what its stream has told.
func (r *reading) complete(index int64, item output) {
	place, ok := r.begin(index, item)
	if !ok {
		return
	}
	call := &r.x.Response.ToolCalls[place]
	if call.Complete {
		return
	}
	call.Complete, call.Arguments = true, answer.Digest(item.data)
	if item.search {
		r.searches++
	}
}
