package responses

import (
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/strictjson"
)

// output is what an item of the output says of itself.
type output struct {
	item
	data   []byte // what a call asks for: arguments, a custom tool's free text, or an action
	search bool   // a search of the provider's in the web, which it bills
}

// readOutput reads one item. What it holds aliases the event.
func readOutput(d *strictjson.Decoder) (o output) {
	if d.Kind() != '{' {
		d.Skip()
		return o
	}
	action := ""
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
		case "arguments", "input", "code", "actions", "operation", "queries":
			o.data = dataOf(d)
		case "action":
			o.data = dataOf(d)
			action = typeOf(o.data)
		}
	}
	o.search = o.kind == "web_search_call" && (action == "search" || action == "")
	return o
}

// dataOf reads a string as what it says, and anything else as it stands.
func dataOf(d *strictjson.Decoder) []byte {
	switch d.Kind() {
	case '"':
		return d.Text()
	case 'n':
		d.Skip()
		return nil
	}
	return d.Value()
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
