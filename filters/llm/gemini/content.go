package gemini

import (
	"bytes"
	"strings"

	"bartizan/filters"
	"bartizan/filters/llm/internal/request"
)

// turn reads a Content: {role, parts}. Its role may stand behind its parts, and is written into the blocks at the end. As is the role
// that the place implies; empty: the turn says it.
func (r *reader) turn(as string) {
	first, mark, role := len(r.Blocks), r.Mark(), ""
	switch r.Kind() {
	case '"':
		r.AddText(filters.Block{})
	default:
		for name := range r.object() {
			switch string(name) {
			case "role":
				role = r.String()
			case "parts":
				r.each(r.part)
			default:
				r.AddJSON(filters.Block{})
			}
		}
		if len(r.Blocks) == first {
			r.AddRest(first, mark, filters.Block{})
		}
	}
	if as != "" {
		role = as
	}
	r.settle(first, role)
}

// settle gives the blocks from first on their role, and the origin that follows from it where their kind implied none.
func (r *reader) settle(first int, role string) {
	origin := filters.OriginUser
	switch role {
	case "":
		role = "user"
	case "model":
		origin = filters.OriginAssistant
	case "system":
		origin = filters.OriginSystem
	}
	for i := first; i < len(r.Blocks); i++ {
		b := &r.Blocks[i]
		if b.Role = role; b.Origin == "" {
			b.Origin = origin
		}
	}
}

// part reads one Part: an object whose one member besides those that say something about it is its content. What is no part of a call
// of a tool can give way to a text.
func (r *reader) part() {
	first, mark := len(r.Blocks), r.Mark()
	if r.Kind() == '"' {
		r.AddText(filters.Block{})
		return
	}
	tool := false
	for name := range r.object() {
		switch string(name) {
		case "text":
			r.AddText(filters.Block{})
		case "inlineData":
			r.inline()
		case "fileData":
			r.file("fileUri", filters.Block{Origin: filters.OriginDocument})
		case "functionCall", "toolCall":
			tool = true
			r.use(filters.OriginToolCall, "")
		case "executableCode":
			tool = true
			r.use(filters.OriginToolCall, "codeExecution")
		case "functionResponse", "toolResponse":
			tool = true
			r.use(filters.OriginToolResult, "")
		case "codeExecutionResult":
			tool = true
			r.use(filters.OriginToolResult, "codeExecution")
		case "thought", "thoughtSignature", "videoMetadata", "mediaResolution":
		default:
			r.AddJSON(filters.Block{})
		}
	}
	if len(r.Blocks) == first {
		r.AddRest(first, mark, filters.Block{})
	}
	if !tool {
		r.Part(first, mark)
	}
}

// inline reads {mimeType, data}. What is text is decoded, so that rules can read it.
func (r *reader) inline() {
	mediaType, at := "application/octet-stream", -1
	first, mark := len(r.Blocks), r.Mark()
	for name := range r.object() {
		switch string(name) {
		case "mimeType":
			word, _, _ := bytes.Cut(r.Text(), []byte{';'})
			mediaType = strings.ToLower(string(word))
		case "data":
			at = len(r.Blocks)
			r.AddString("", filters.Block{})
		case "displayName":
			r.AddText(filters.Block{})
		default:
			r.AddJSON(filters.Block{})
		}
	}
	switch {
	case r.Err() != nil:
		return
	case len(r.Blocks) == first:
		r.AddRest(first, mark, filters.Block{})
	case at >= 0:
		b := &r.Blocks[at]
		b.MediaType = mediaType
		b.Data = filters.Plain(request.Decoded(mediaType, b.Data.Bytes()))
	}
	if kind, _, _ := strings.Cut(mediaType, "/"); kind == "text" || kind == "application" {
		for i := first; i < len(r.Blocks); i++ {
			r.Blocks[i].Origin = filters.OriginDocument
		}
	}
}

// file reads what only names a file, in an object's member of the given name or in a string. The provider has it, or will fetch it.
func (r *reader) file(member string, block filters.Block) {
	first, mark := len(r.Blocks), r.Mark()
	named := func() {
		n := len(r.Blocks)
		if r.AddString("text/uri-list", block); len(r.Blocks) > n {
			uri := string(r.Blocks[n].Data.Bytes())
			r.Declare(filters.Declaration{Kind: filters.DeclaresFile, Name: uri, URL: uri, Pointer: r.Blocks[n].Pointer})
		}
	}
	if r.Kind() == '"' {
		named()
		return
	}
	for name := range r.object() {
		switch string(name) {
		case member:
			named()
		case "mimeType":
		case "displayName":
			r.AddText(block)
		default:
			r.AddJSON(block)
		}
	}
	if len(r.Blocks) == first {
		r.AddRest(first, mark, block)
	}
}

// use reads the call of a tool, or what came of one: {id, name or toolType, …}. A result is of the tool that was called under its id,
// whatever it says itself.
func (r *reader) use(origin filters.Origin, tool string) {
	id := ""
	first, mark := len(r.Blocks), r.Mark()
	for name := range r.object() {
		switch string(name) {
		case "id":
			id = r.String()
		case "name", "toolType":
			tool = r.String()
		case "code", "output":
			r.AddText(filters.Block{})
		case "response":
			r.response()
		case "parts": // what a function answers beside JSON
			r.each(r.part)
		case "language", "outcome", "willContinue", "scheduling":
		default: // args, partialArgs
			r.AddJSON(filters.Block{})
		}
	}
	if len(r.Blocks) == first {
		r.AddRest(first, mark, filters.Block{})
	}
	if origin == filters.OriginToolCall {
		r.Called(id, tool)
	}
	for i := first; i < len(r.Blocks); i++ {
		b := &r.Blocks[i]
		b.Origin, b.Name, b.CallID = origin, tool, id
	}
}

// response reads what a function answered: an object of any names. The texts in one of the usual form are blocks of their own; else it
// is kept whole.
func (r *reader) response() {
	first, mark := len(r.Blocks), r.Mark()
	if r.Kind() != '{' {
		r.AddJSON(filters.Block{})
		return
	}
	plain := true
	for name := range r.Object() {
		switch string(name) {
		case "output", "error", "result":
			if r.Kind() == '"' {
				r.AddText(filters.Block{})
				continue
			}
		}
		plain = false
	}
	if !plain || len(r.Blocks) == first {
		r.AddRest(first, mark, filters.Block{})
	}
}
