package bedrock

import (
	"encoding/base64"
	"slices"

	"bartizan/filters"
	"bartizan/filters/llm/anthropic"
	"bartizan/filters/strictjson"
)

// decodeInvoke reads a body for the model's own API. Only that of Anthropic's models is known.
func decodeInvoke(x *filters.Exchange, model string, body []byte) error {
	r := newReader(x, model, body)
	messages := anthropic.Read(r.Builder)
	switch {
	case !slices.Contains(r.LLM.Fields, "anthropic_version") && strictjson.Validate(body) == nil:
		return malformed("", "only bodies of Anthropic's Messages API, which have anthropic_version, can be judged here: use converse for other models")
	case r.Err() == nil && r.LLM.Model != model:
		return malformed("/model", "the path names another model")
	}
	r.LLM.Stream = streams(x.Route.Operation)
	return r.Finish(x, messages)
}

// decodeCount reads {input: {converse}} or {input: {invokeModel: {body}}}. The blocks of the latter lie in the body within.
func decodeCount(x *filters.Exchange, model string, body []byte) error {
	within, err := find(body)
	switch {
	case err != nil:
		return err
	case within.body != nil:
		return decodeInvoke(x, model, within.body)
	}
	r := newReader(x, model, body)
	messages := false
	for name := range r.Fields() {
		if string(name) == "input" {
			for member := range r.Object() {
				if string(member) == "converse" {
					messages = r.converse(r.Object())
				}
			}
		}
	}
	return r.Finish(x, messages || isPrompt(model))
}

// embedded is a body within the body of a request, in base64.
type embedded struct {
	body       []byte // nil: there is none
	start, end int    // of the string that holds it
}

// find looks for the body within a request to count tokens.
func find(body []byte) (embedded, error) {
	var e embedded
	inputs := 0
	d := strictjson.New(body)
	for name := range d.Object() {
		if string(name) != "input" {
			continue
		}
		for member := range d.Object() {
			if d.Kind() == 'n' {
				continue
			}
			if inputs++; string(member) == "invokeModel" {
				e.read(d)
			}
		}
	}
	if err := d.End(); err != nil {
		return e, err
	}
	if inputs != 1 {
		return e, malformed("/input", "want one of converse and invokeModel")
	}
	return e, nil
}

// read reads {body}.
func (e *embedded) read(d *strictjson.Decoder) {
	e.body = []byte{}
	for name := range d.Object() {
		if string(name) != "body" {
			continue
		}
		var err error
		text := d.Text()
		e.start, e.end = d.Range()
		if e.body, err = base64.StdEncoding.AppendDecode(e.body, text); err != nil {
			d.Fail("want base64")
		}
	}
}
