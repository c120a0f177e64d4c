package gemini

import (
	"bytes"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/redact"
	"bartizan/filters/sse"
	"bartizan/filters/strictjson"
)

// WriteEvent writes a chunk with its parts changed.
func (r *reading) WriteEvent(dst []byte, e *answer.Event) []byte {
	if r.list {
		before := e.Raw[:len(e.Raw)-len(e.Data)]
		return append(append(dst, before...), r.WriteBody(e)...)
	}
	return append(dst, r.lined(sse.Replace(nil, e.Event, r.WriteBody(e)))...)
}

// Passes notes how far a list has come.
func (r *reading) Passes(e *answer.Event) (rewritten bool) {
	r.begun, r.ended = true, bytes.Equal(e.Data, end)
	return false
}

// CutEvent ends a stream as a model does: Gemini CLI asks again where there is no finish, and dies where the connection breaks.
func (r *reading) CutEvent(why filters.Refusal, _ *answer.Passed) []byte {
	switch last := r.cut(why); {
	case r.list && r.ended:
		return nil
	case r.list && r.begun:
		return append(append([]byte(",\n"), last...), ']')
	case r.list:
		return listOf(last)
	default:
		return r.lined(sse.Append(nil, "", last))
	}
}

// lined ends the lines of an event as the provider ends its own: Google's SDK for Go takes the first blank line of LF for the end of an event, though
// events that end by CRLF stand before it.
func (r *reading) lined(event []byte) []byte {
	if r.crlf {
		return bytes.ReplaceAll(event, []byte("\n"), []byte("\r\n"))
	}
	return event
}

// WriteBody writes a response with its parts changed: a text in the place of a call, and an empty one in that of what is gone, so that there
// are as many parts as the model made.
func (r *reading) WriteBody(e *answer.Event) []byte {
	edits := append(e.Edits(), probabilities(e.Data)...)
	for i := range e.Pieces {
		if p := &e.Pieces[i]; (p.Fate == answer.Told || p.Fate == answer.Gone) && p.Object != [2]int{} {
			edits = append(edits, filters.Edit{Start: p.Object[0], End: p.Object[1], With: instead(e.Data[p.Object[0]:p.Object[1]], p.Text)})
		}
	}
	return redact.Apply(e.Data, answer.Outermost(edits))
}

// instead is a part of text, with the signature of the thought that led to the part in whose place it stands: without it the provider
// would refuse the next turn.
func instead(part []byte, text string) []byte {
	out := []byte(`{"text":` + answer.Quote(text))
	d, f := strictjson.New(part), fields{}
	for name := range f.of(d) {
		if string(name) == "thoughtSignature" {
			out = append(append(out, `,"thoughtSignature":`...), d.Value()...)
		}
	}
	return append(out, '}')
}

// probabilities are the edits that leave out what a response says of its tokens one by one, since it repeats what was changed.
func probabilities(response []byte) (edits []filters.Edit) {
	d, f := strictjson.New(response), fields{}
	for name := range f.of(d) {
		if string(name) != "candidates" {
			continue
		}
		each(d, func() {
			if d.Kind() != '{' {
				d.Skip()
				return
			}
			for name := range f.of(d) {
				if string(name) == "logprobsResult" {
					d.Skip()
					start, end := d.Range()
					edits = append(edits, filters.Edit{Start: start, End: end, With: []byte("null")})
				}
			}
		})
	}
	return edits
}
