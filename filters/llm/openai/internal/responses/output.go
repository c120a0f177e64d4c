package responses

import (
	"slices"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/strictjson"
)

// output is what an item of the output says of itself.
type output struct {
	item
	at       filters.Span // all of it
	asks     []member     // what a call asks for: arguments, a custom tool's free text, or an action
	gives    []member     // what came of it, and what is neither
	contents []content    // of a message, or of reasoning
	summary  []content
	data     []byte // what asks says
	search   bool   // a search of the provider's in the web, which it bills
}

// member is a member of an item that carries content.
type member struct {
	name string // one of gives
	filters.Span
	text bool // a string, else any other value
}

// content is a part of a message or of reasoning.
type content struct {
	kind        string
	at          filters.Span // all of it
	text        filters.Span // zero: it has none
	logprobs    filters.Span
	annotations []filters.Span
}

// gives are the members of items that tell what came of a call, or something that is neither.
var gives = [...]string{"output", "outputs", "results", "result", "error", "tools", "revised_prompt"}

// readOutput reads one item. What it holds aliases the event.
func readOutput(d *strictjson.Decoder) (o output) {
	if d.Kind() != '{' {
		o.at = spanOf(d)
		return o
	}
	mark := d.Mark()
	for name := range d.Object() {
		switch string(name) {
		case "type":
			answer.SetName(&o.kind, d.MaybeText())
		case "id":
			answer.SetName(&o.id, d.MaybeText())
		case "call_id":
			answer.SetName(&o.callID, d.MaybeText())
		case "name":
			answer.SetName(&o.name, d.MaybeText())
		case "namespace":
			answer.SetName(&o.namespace, d.MaybeText())
		case "server_label":
			answer.SetName(&o.server, d.MaybeText())
		case "content":
			o.contents = readContents(d)
		case "summary":
			o.summary = readContents(d)
		default:
			o.member(d, name)
		}
	}
	o.at.Start, o.at.End = d.RangeSince(mark)
	o.search = o.search && o.kind == "web_search_call"
	return o
}

// member reads a member that carries content.
func (o *output) member(d *strictjson.Decoder, name []byte) {
	kind := d.Kind()
	m := member{text: kind == '"'}
	switch string(name) {
	case "arguments", "input", "code", "action", "actions", "operation", "queries":
		if o.data = nil; m.text {
			o.data = d.Text()
		} else if raw := d.Value(); kind != 'n' {
			o.data = raw
		}
		if string(name) == "action" {
			o.search = typeOf(o.data) == "search"
		}
		if m.Start, m.End = d.Range(); kind != 'n' {
			o.asks = append(o.asks, m)
		}
	default:
		at := slices.Index(gives[:], string(name))
		if at < 0 || kind == 'n' {
			return
		}
		d.Skip()
		m.name = gives[at]
		m.Start, m.End = d.Range()
		o.gives = append(o.gives, m)
	}
}

// readContents reads a list of parts.
func readContents(d *strictjson.Decoder) (list []content) {
	if d.Kind() != '[' {
		d.Skip()
		return nil
	}
	for range d.Array() {
		if len(list) == answer.MaxParts {
			d.Fail("want fewer parts")
		} else if d.Kind() == '{' {
			list = append(list, readContent(d))
		} else {
			list = append(list, content{at: spanOf(d)})
		}
	}
	return list
}

func readContent(d *strictjson.Decoder) (c content) {
	mark := d.Mark()
	for name := range d.Object() {
		switch string(name) {
		case "type":
			answer.SetName(&c.kind, d.MaybeText())
		case "text", "refusal":
			if d.Kind() != '"' {
				break
			}
			if at := spanOf(d); c.text == (filters.Span{}) || at.End-at.Start > len(`""`) {
				if c.text.End-c.text.Start > len(`""`) {
					d.Fail("want one text")
				}
				c.text = at
			}
		case "logprobs":
			c.logprobs = spanOf(d)
		case "annotations":
			if d.Kind() != '[' {
				break
			}
			for range d.Array() {
				if c.annotations = append(c.annotations, spanOf(d)); len(c.annotations) > answer.MaxParts {
					d.Fail("want fewer annotations")
				}
			}
		}
	}
	c.at.Start, c.at.End = d.RangeSince(mark)
	return c
}

// typeOf is the member type of an object.
func typeOf(raw []byte) (kind string) {
	if len(raw) == 0 || raw[0] != '{' {
		return ""
	}
	d := strictjson.New(raw)
	for name := range d.Object() {
		if string(name) == "type" {
			kind = string(d.MaybeText())
		}
	}
	return kind
}
