package gemini

import (
	"bytes"
	"iter"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/strictjson"
)

// reading reads one answer into x.
type reading struct {
	x *filters.Exchange
	fields
	tokens tokens
	said   []said          // of the event at hand
	lines  map[int64]*line // by candidate
	taken  taken           // by calls in pieces
	crlf   bool            // what ends the lines of the stream
	list   bool            // the stream is a list,
	begun  bool            // of which something has passed,
	ended  bool            // or all
}

var (
	_ answer.Dialect   = (*reading)(nil)
	_ answer.Framed    = (*reading)(nil)
	_ answer.Following = (*reading)(nil)
)

// tokens is what the provider has counted so far: later counts replace earlier ones.
type tokens struct{ prompt, fromTools, cached, answer, thoughts int64 }

func (t tokens) counted() filters.Usage {
	return filters.Usage{Input: t.prompt + t.fromTools, CacheRead: t.cached, Output: t.answer + t.thoughts, Reasoning: t.thoughts}
}

// found is what one chunk, or one JSON body, says.
type found struct {
	*strictjson.Decoder
	*fields
	model, stop, err  string
	tokens            tokens
	said              []said
	blocked           bool // the prompt is: there are no candidates
	searches, fetches int64
}

// ReadEvent reads a chunk, which is a whole GenerateContentResponse, or an error.
func (r *reading) ReadEvent(d *strictjson.Decoder, e *answer.Event) error {
	if r.list && bytes.Equal(e.Data, end) {
		e.Last = true
		r.passes(e)
		return nil
	}
	f := found{Decoder: d, fields: &r.fields, tokens: r.tokens, said: r.said[:0]}
	f.lenient = d.Kind() == '{' // below: a null, or something of a version to come
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
	r.said, r.crlf = f.said, bytes.HasSuffix(e.Raw, []byte("\r\n"))
	if err := d.End(); err != nil {
		return err
	}
	if err := r.apply(&f, e); err != nil {
		return err
	}
	r.passes(e)
	return nil
}

// passes is for events about which nobody is asked: they pass at once.
func (r *reading) passes(e *answer.Event) {
	if !e.Judged {
		r.Passes(e)
	}
}

// ReadBody reads a GenerateContentResponse, what tokens were counted, or an error: no member means something else than in a chunk.
func (r *reading) ReadBody(d *strictjson.Decoder, e *answer.Event) error { return r.ReadEvent(d, e) }

func (f *found) object() iter.Seq[[]byte] { return f.of(f.Decoder) }

func (f *found) each(one func()) { each(f.Decoder, one) }

func (f *found) candidate() {
	var index int64
	first, stop := len(f.said), ""
	if first > answer.MaxParts {
		f.Fail("want fewer candidates")
	}
	for name := range f.object() {
		switch string(name) {
		case "index":
			index, _ = f.MaybeInt64()
		case "content":
			f.content()
		case "finishReason":
			answer.SetName(&stop, f.MaybeText())
		case "groundingMetadata":
			f.grounding()
		case "urlContextMetadata":
			f.amount("urlMetadata", &f.fetches)
		case "safetyRatings", "avgLogprobs", "tokenCount", "logprobsResult": // the last goes where its text does
		default:
			f.extra(filters.OriginAssistant)
		}
	}
	if stop != "" {
		f.stop = stop
		f.said = append(f.said, said{flow: finished})
	}
	for i := first; i < len(f.said); i++ {
		f.said[i].candidate = index & 63 // the API has fewer than ten
	}
}

func (f *found) content() {
	for name := range f.object() {
		switch string(name) {
		case "parts":
			f.each(f.part)
		case "role":
		default:
			f.extra(filters.OriginAssistant)
		}
	}
}

// grounding reads what the model found: the pages, and the places of its text that rest on them, which repeat it.
func (f *found) grounding() {
	for name := range f.object() {
		switch string(name) {
		case "webSearchQueries":
			f.searches = 0
			f.each(func() { f.Skip(); f.searches++ })
		case "groundingSupports":
			f.extra(filters.OriginAssistant)
		default:
			f.extra(filters.OriginDocument)
		}
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

func (r *reading) apply(f *found, e *answer.Event) error {
	r.tokens = f.tokens
	out := &r.x.Response
	searches, fetches := max(out.Usage.WebSearches, f.searches), max(out.Usage.WebFetches, f.fetches) // each chunk tells of all so far
	out.Usage = f.tokens.counted()
	out.Usage.WebSearches, out.Usage.WebFetches = searches, fetches
	answer.Replace(&out.Model, f.model)
	answer.Replace(&out.StopReason, f.stop)
	answer.Replace(&out.Error, f.err)
	for i := range f.said {
		if err := r.place(&f.said[i], e); err != nil {
			return err
		}
	}
	out.Complete = out.Complete || f.blocked || r.finished()
	e.Last = f.err != ""
	return nil
}
