package bedrock

import (
	"slices"

	"bartizan/filters"
)

// parts reads a list of content. Origin is what the place implies; empty: the role of the message decides.
func (r *reader) parts(origin filters.Origin) {
	for range r.Array() {
		r.part(origin)
	}
}

// part reads one piece of content, which is named by the one member that it has. What holds something that is not known here is kept
// whole.
func (r *reader) part(origin filters.Origin) {
	first, mark := len(r.Blocks), r.Mark()
	whole, known, tool := false, false, false
	for name := range r.Object() {
		if r.Null() {
			continue
		}
		member := string(name)
		known = known || member == "cachePoint" || member == "toolResult"
		tool = tool || member == "toolUse" || member == "toolResult"
		whole = !r.partMember(member, origin) || whole
	}
	if whole || len(r.Blocks) == first && !known {
		r.AddRest(first, mark, filters.Block{Origin: origin})
	}
	if !tool { // a call and its result keep their place, since the API wants one for the other
		r.Part(first, mark)
	}
}

// partMember reads the content behind a member. It says no to what it does not know.
func (r *reader) partMember(member string, origin filters.Origin) bool {
	block := filters.Block{Origin: origin}
	switch kind := r.Kind(); {
	case member == "cachePoint":
		return true
	case member == "text" && kind == '"':
		r.AddText(block)
		return true
	case member == "json":
		r.AddJSON(block)
		return true
	case kind != '{':
		return false
	}
	switch member {
	case "image", "video", "audio":
		return r.media(member, origin)
	case "document":
		return r.media(member, filters.OriginDocument)
	case "toolUse":
		return r.toolUse()
	case "toolResult":
		return r.toolResult()
	case "reasoningContent":
		return r.reasoning()
	case "text": // of guardContent: {text, qualifiers}
		return r.textsOf(origin, "text", "qualifiers")
	case "guardContent":
		return r.guarded(origin)
	case "searchResult":
		return r.textsOf(filters.OriginDocument, "source", "title", "content", "citations")
	case "citationsContent":
		return r.textsOf(filters.OriginAssistant, "content", "citations")
	}
	return false
}

// guarded reads {text: {text, qualifiers}} or {image}.
func (r *reader) guarded(origin filters.Origin) (ok bool) {
	ok = true
	for name := range r.Object() {
		ok = (r.Null() || r.partMember(string(name), origin)) && ok
	}
	return ok
}

// textsOf reads an object whose members all are of those named: a text, a list of objects with a text, or something about it, which is
// kept as JSON where it can carry text itself.
func (r *reader) textsOf(origin filters.Origin, members ...string) (ok bool) {
	ok = true
	for name := range r.Object() {
		member := string(name)
		switch kind := r.Kind(); {
		case kind == 'n' || member == "qualifiers":
		case kind == '"':
			r.AddText(filters.Block{Origin: origin})
		case kind == '[' && member == "content":
			r.parts(origin)
		case kind == '[':
			r.AddJSON(filters.Block{Origin: origin})
		case member != "citations": // {enabled}
			ok = false
		}
		ok = ok && slices.Contains(members, member)
	}
	return ok
}

// toolUse reads {toolUseId, name, input, type}: a call that the model made.
func (r *reader) toolUse() (ok bool) {
	var name, id string
	ok = true
	first := len(r.Blocks)
	for member := range r.Object() {
		switch string(member) {
		case "toolUseId":
			id = string(r.MaybeText())
		case "name":
			name = string(r.MaybeText())
		case "input":
			r.AddJSON(filters.Block{})
		case "type":
		default:
			ok = false
		}
	}
	r.Called(id, name)
	r.ofTool(first, filters.OriginToolCall, name, id)
	return ok && len(r.Blocks) > first
}

// toolResult reads {toolUseId, content, status, type}.
func (r *reader) toolResult() (ok bool) {
	var id string
	ok = true
	first := len(r.Blocks)
	for member := range r.Object() {
		switch string(member) {
		case "toolUseId":
			id = string(r.MaybeText())
		case "content":
			if !r.Null() {
				r.parts("")
			}
		case "status", "type":
		default:
			ok = false
		}
	}
	r.ofTool(first, filters.OriginToolResult, "", id)
	return ok
}

// ofTool writes into the blocks from first on which tool they come from or go to. What comes through a tool stays a tool's, even a
// document.
func (r *reader) ofTool(first int, origin filters.Origin, name, id string) {
	for i := first; i < len(r.Blocks); i++ {
		b := &r.Blocks[i]
		b.Origin, b.Name, b.CallID = origin, name, id
	}
}

// reasoning reads {reasoningText: {text, signature}} or {redactedContent}. What is signed must go back as it came.
func (r *reader) reasoning() (ok bool) {
	ok = true
	first, signed := len(r.Blocks), false
	block := filters.Block{Origin: filters.OriginAssistant}
	for name := range r.Object() {
		switch kind := r.Kind(); {
		case kind == 'n':
		case string(name) == "reasoningText" && kind == '{':
			for member := range r.Object() {
				switch kind := r.Kind(); {
				case string(member) == "text" && kind == '"':
					r.AddText(block)
				case string(member) == "signature":
					signed = len(r.MaybeText()) > 0
				default:
					ok = false
				}
			}
		case string(name) == "redactedContent" && kind == '"':
			signed = true
			r.AddString("application/octet-stream", block)
		default:
			ok = false
		}
	}
	for i := first; i < len(r.Blocks); i++ {
		r.Blocks[i].Signed = signed
	}
	return ok
}
