package anthropic

import (
	"strings"

	"bartizan/filters"
)

// content reads what stands wherever the API takes content: a string, a list of content blocks, or one block. Origin is what
// the place implies; empty: the role of the message decides.
func (r *reader) content(origin filters.Origin) {
	switch r.Kind() {
	case '"':
		r.AddText(filters.Block{Origin: origin})
	case '{':
		r.part(origin)
	default:
		for range r.Array() {
			r.part(origin)
		}
	}
}

// part is what a content block says of itself beside its content.
type part struct {
	kind, name, id string
	call           string // tool_use_id: of the call that this is the result of
	of             string // the server or the toolset that the tool belongs to
	tool           string // the tool that is made known to the model
	signed         bool
}

// part reads one content block. Its type may stand behind its content: so content is collected by the members' names, and the
// type decides at the end where it comes from, or that the block is kept whole.
func (r *reader) part(origin filters.Origin) {
	var p part
	whole := false // keep the block whole
	first, mark := len(r.Blocks), r.Mark()
	for member := range r.Object() {
		if !r.said(&p, string(member)) {
			whole = !r.partMember(string(member), origin) || whole
		}
	}
	if r.Err() != nil {
		return
	}
	if whole || len(r.Blocks) == first || !known(p.kind) {
		r.AddRest(first, mark, filters.Block{Origin: origin})
	}
	if p.kind == "tool_reference" || p.kind == "tool_addition" {
		r.Named(filters.Tool{Name: p.tool, Type: filters.ToolReference, Pointer: r.Pointer()})
	}
	r.settle(r.Blocks[first:], p)
	r.changeable(p, first, mark)
}

// changeable says in what form a content block can be changed. A tool's call and its result keep their place, since the API wants one
// for the other; of the results of its own tools, some of which are sealed, only texts can be changed.
func (r *reader) changeable(p part, first, mark int) {
	blocks := r.Blocks[first:]
	switch kind := p.kind; {
	case kind == "tool_result", kind == "mcp_tool_result", strings.HasSuffix(kind, "tool_use"):
	case strings.HasSuffix(kind, "tool_result"):
		for i := range blocks {
			blocks[i].Part = filters.Span{}
			blocks[i].Signed = blocks[i].MediaType != "text/plain"
		}
	default:
		for i := range blocks {
			blocks[i].Signed = p.signed || kind == "redacted_thinking" || blocks[i].Signed
		}
		r.Part(first, mark)
	}
}

// said reads a member that says something of the block. It says no to all others.
func (r *reader) said(p *part, member string) bool {
	switch member {
	case "type":
		p.kind = r.String()
	case "name":
		p.name = string(r.MaybeText())
	case "id":
		p.id = string(r.MaybeText())
	case "tool_use_id":
		p.call = string(r.MaybeText())
	case "server_name", "toolset_name":
		p.of = string(r.MaybeText())
	case "tool_name":
		p.tool = string(r.MaybeText())
	case "tool":
		p.tool = r.reference()
	case "file_id":
		r.file()
	case "signature":
		p.signed = len(r.MaybeText()) > 0
	default:
		return false
	}
	return true
}

// reference reads {type: tool_reference, name}.
func (r *reader) reference() (tool string) {
	if r.Kind() != '{' {
		return ""
	}
	for member := range r.Object() {
		switch string(member) {
		case "name", "tool_name":
			tool = string(r.MaybeText())
		}
	}
	return tool
}

// file declares a file that the provider keeps.
func (r *reader) file() {
	if id := r.MaybeText(); id != nil {
		r.Declare(filters.Declaration{Kind: filters.DeclaresFile, Name: string(id), Pointer: r.Pointer()})
	}
}

// partMember collects a member that can carry content. It says no to one whose shape it does not know.
func (r *reader) partMember(member string, origin filters.Origin) bool {
	block := filters.Block{Origin: origin}
	switch kind := r.Kind(); member {
	case "input":
		r.AddJSON(block)
	case "content":
		if kind != '"' && kind != '[' && kind != '{' {
			return kind == 'n'
		}
		r.content(origin)
	case "source":
		if kind == '{' {
			r.source(origin)
			return true
		}
		return r.text("text/plain", block)
	case "text", "thinking", "title", "context", "url":
		return r.text("text/plain", block)
	case "data":
		return r.text("application/octet-stream", block)
	case "citations": // of a text, what it cites; of a document, whether it may be cited
		if kind == '[' {
			r.AddJSON(block)
		}
	}
	return true
}

// text collects a string; a null is as good as nothing.
func (r *reader) text(mediaType string, block filters.Block) bool {
	switch r.Kind() {
	case '"':
		r.AddString(mediaType, block)
		return true
	case 'n':
		return true
	}
	return false
}

// known tells whether all content of a block of this type stands in the members that partMember collects.
func known(kind string) bool {
	switch kind {
	case "text", "thinking", "redacted_thinking", "image", "document", "search_result", "tool_use", "server_tool_use", "mcp_tool_use",
		"web_fetch_result", "compaction", "mid_conv_system":
		return true
	}
	return strings.HasSuffix(kind, "tool_result")
}

// settle writes into the blocks of one content block what its type says. What comes through a tool stays a tool's, even a
// document: the outermost type is settled last, and wins.
func (r *reader) settle(blocks []filters.Block, p part) {
	var origin filters.Origin
	var name, call string
	switch kind := p.kind; {
	case strings.HasSuffix(kind, "tool_result"):
		origin, call = filters.OriginToolResult, p.call
	case strings.HasSuffix(kind, "tool_use"):
		origin, name, call = filters.OriginToolCall, toolName(p.of, p.name), p.id
		r.Called(call, name)
	case strings.HasSuffix(kind, "thinking"), kind == "compaction":
		origin = filters.OriginAssistant
	case kind == "document", kind == "search_result", kind == "web_fetch_result":
		origin = filters.OriginDocument
	case kind == "mid_conv_system":
		origin = filters.OriginSystem
	}
	for i := range blocks {
		b := &blocks[i]
		if origin != "" {
			b.Origin = origin
		}
		if origin == filters.OriginToolResult || origin == filters.OriginToolCall {
			b.Name, b.CallID = name, call
		}
	}
}

// source reads where an image or document comes from: data (base64 or text), a url, content blocks, or something named
// elsewhere (file_id), which is kept whole.
func (r *reader) source(origin filters.Origin) {
	mediaType := "application/octet-stream"
	first, mark, data := len(r.Blocks), r.Mark(), -1
	for member := range r.Object() {
		switch kind := r.Kind(); {
		case string(member) == "media_type":
			mediaType = r.String()
		case string(member) == "data":
			data = len(r.Blocks)
			r.AddString("", filters.Block{Origin: origin})
		case string(member) == "url" && kind == '"':
			r.AddString("text/uri-list", filters.Block{Origin: origin})
		case string(member) == "content" && (kind == '"' || kind == '['):
			r.content(origin)
		case string(member) == "file_id":
			r.file()
		}
	}
	switch {
	case r.Err() != nil:
	case len(r.Blocks) == first:
		r.AddRest(first, mark, filters.Block{Origin: origin})
	case data >= 0:
		r.Blocks[data].MediaType = mediaType
	}
}
