package gemini

import (
	"iter"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/strictjson"
)

// reading reads one answer into x.
type reading struct {
	x *filters.Exchange
	fields
	tokens  tokens
	open    candidates // of which something came
	ended   candidates
	running map[int64]int // candidates whose last call goes on in the next chunk: where it is in Response.ToolCalls
}

// tokens is what the provider has counted so far: later counts replace earlier ones.
type tokens struct{ prompt, fromTools, cached, answer, thoughts int64 }

func (t tokens) counted() filters.Usage {
	return filters.Usage{Input: t.prompt + t.fromTools, CacheRead: t.cached, Output: t.answer + t.thoughts, Reasoning: t.thoughts}
}

// candidates is a set of the answers that one request may get: by their index, of which the API has fewer than ten.
type candidates uint64

func (c *candidates) add(index int64) { *c |= 1 << (uint64(index) & 63) }

// found is what one chunk, or one JSON body, says.
type found struct {
	*strictjson.Decoder
	*fields
	model, stop, err  string
	tokens            tokens
	calls             []call
	open, ended       candidates
	blocked           bool // the prompt is: there are no candidates
	searches, fetches int64
}

// call is a call of a function, or a piece of one: only the first of a call has a name.
type call struct {
	filters.ToolCall
	candidate int64
	more      bool // it goes on in the next chunk
}

// Event reads a chunk, which is a whole GenerateContentResponse, or an error.
func (r *reading) Event(d *strictjson.Decoder, _ []byte) error { return r.Body(d) }

// Body reads a GenerateContentResponse, what tokens were counted, or an error: no member means different things in them.
func (r *reading) Body(d *strictjson.Decoder) error {
	f := found{Decoder: d, fields: &r.fields, tokens: r.tokens}
	for name := range f.of(d) {
		switch string(name) {
		case "candidates":
			f.each(f.candidate)
		case "usageMetadata":
			f.count()
		case "modelVersion":
			answer.SetName(&f.model, d.MaybeText())
		case "promptFeedback":
			f.feedback()
		case "error":
			f.failure()
		}
	}
	if err := d.End(); err != nil {
		return err
	}
	r.apply(f)
	return nil
}

// object yields the members of the object that is next. Where none is, there are none: a null, or something of a version to come.
func (f *found) object() iter.Seq[[]byte] {
	if f.Kind() != '{' {
		return func(func([]byte) bool) { f.Skip() }
	}
	return f.of(f.Decoder)
}

func (f *found) each(one func()) { each(f.Decoder, one) }

func (f *found) candidate() {
	var index int64
	calls, stop := len(f.calls), ""
	for name := range f.object() {
		switch string(name) {
		case "index":
			index, _ = f.MaybeInt64()
		case "content":
			for name := range f.object() {
				if string(name) == "parts" {
					f.each(f.part)
				}
			}
		case "finishReason":
			answer.SetName(&stop, f.MaybeText())
		case "groundingMetadata":
			f.amount("webSearchQueries", &f.searches)
		case "urlContextMetadata":
			f.amount("urlMetadata", &f.fetches)
		}
	}
	if f.open.add(index); stop != "" {
		f.stop = stop
		f.ended.add(index)
	}
	for i := calls; i < len(f.calls); i++ {
		f.calls[i].candidate = index & 63
	}
}

// amount counts the elements of a member of the object that is next.
func (f *found) amount(member string, n *int64) {
	for name := range f.object() {
		if string(name) == member {
			f.each(func() { f.Skip(); *n++ })
		}
	}
}

// part reads one Part and notes a call, be it of the caller's function or of the provider's tool.
func (f *found) part() {
	for name := range f.object() {
		switch string(name) {
		case "functionCall", "toolCall":
			f.call("")
		case "executableCode":
			f.call("codeExecution")
		}
	}
}

func (f *found) call(tool string) {
	if f.Kind() != '{' {
		return
	}
	c := call{ToolCall: filters.ToolCall{Name: tool}}
	var arguments []byte
	pieces := false // its arguments come in pieces, of which there is no digest
	for name := range f.object() {
		switch string(name) {
		case "id":
			answer.SetName(&c.ID, f.MaybeText())
		case "name", "toolType":
			answer.SetName(&c.Name, f.MaybeText())
		case "args", "code":
			arguments = f.Value()
		case "partialArgs":
			pieces = true
		case "willContinue":
			c.more = f.Kind() == 't'
		}
	}
	if c.Complete = !c.more; c.Complete && !pieces {
		c.Arguments = answer.Digest(arguments)
	}
	f.calls = append(f.calls, c)
}

func (f *found) count() {
	for name := range f.object() {
		switch string(name) {
		case "promptTokenCount": // what was read from a cache included
			answer.SetTokens(f.Decoder, &f.tokens.prompt)
		case "toolUsePromptTokenCount":
			answer.SetTokens(f.Decoder, &f.tokens.fromTools)
		case "cachedContentTokenCount":
			answer.SetTokens(f.Decoder, &f.tokens.cached)
		case "candidatesTokenCount":
			answer.SetTokens(f.Decoder, &f.tokens.answer)
		case "thoughtsTokenCount":
			answer.SetTokens(f.Decoder, &f.tokens.thoughts)
		}
	}
}

func (f *found) feedback() {
	for name := range f.object() {
		if string(name) == "blockReason" {
			answer.SetName(&f.stop, f.MaybeText())
			f.blocked = true
		}
	}
}

func (f *found) failure() {
	for name := range f.object() {
		if string(name) == "status" {
			answer.SetName(&f.err, f.MaybeText())
		}
	}
}

func (r *reading) apply(f found) {
	r.tokens = f.tokens
	out := &r.x.Response
	searches, fetches := max(out.Usage.WebSearches, f.searches), max(out.Usage.WebFetches, f.fetches) // each chunk tells of all so far
	out.Usage = f.tokens.counted()
	out.Usage.WebSearches, out.Usage.WebFetches = searches, fetches
	answer.Replace(&out.Model, f.model)
	answer.Replace(&out.StopReason, f.stop)
	answer.Replace(&out.Error, f.err)
	for _, c := range f.calls {
		r.note(out, c)
	}
	r.open |= f.open
	r.ended |= f.ended
	out.Complete = out.Complete || f.blocked || r.open != 0 && r.open == r.ended
}

// note adds a call, or completes the one that was running. What begins with a name begins anew.
func (r *reading) note(out *filters.Response, c call) {
	if at, running := r.running[c.candidate]; running && c.Name == "" {
		if !c.more {
			out.ToolCalls[at].Complete = true
			delete(r.running, c.candidate)
		}
		return
	}
	before := len(out.ToolCalls)
	if out.ToolCalls = answer.AddToolCall(out.ToolCalls, c.ToolCall); !c.more || len(out.ToolCalls) == before {
		return
	}
	if r.running == nil {
		r.running = map[int64]int{}
	}
	r.running[c.candidate] = before
}
