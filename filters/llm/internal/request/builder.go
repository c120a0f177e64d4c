// Package request is what the decoders of model requests share: a strict reader that collects blocks, tools and declarations.
//
// It promises that what it collects is bounded, in number and (since data aliases the body) in bytes, and that strings outside
// of blocks are copies, so that they outlive the body. It does not know any dialect. A Builder serves one request in one
// goroutine. Errors stick, as in strictjson.
package request

import (
	"bytes"
	"iter"
	"slices"
	"strconv"
	"strings"

	"bartizan/filters"
	"bartizan/filters/claim"
	"bartizan/filters/strictjson"
)

// MaxItems limits the blocks, and likewise the tools and the declarations, of one request. A block costs some 150 bytes beside
// its data, while a body can hold one in every three: without a limit 40 MiB would become gigabytes. Long sessions of agents
// have a few thousand.
const MaxItems = 1 << 16

// maxNames limits the names of a request's models, fields and betas, and maxName the bytes of each.
const (
	maxNames = 1024
	maxName  = 512
)

// Builder reads the body of one request. It is a strictjson.Decoder with a place for what is found.
type Builder struct {
	*strictjson.Decoder
	claim.Said // what the body says beside content

	LLM    filters.LLM
	Blocks []filters.Block

	x      *filters.Exchange
	size   int            // of the body
	named  []filters.Tool // tools that were named without their definition
	called []call
}

// call is a call of a tool by the model.
type call struct{ id, name string }

// New begins to read the body of x for a dialect, with what its route and its headers say already filled in.
func New(x *filters.Exchange, body []byte) *Builder {
	llm := filters.LLM{Provider: x.Route.Target, Dialect: x.Route.Dialect, Operation: x.Route.Operation}
	b := &Builder{Decoder: strictjson.New(body), LLM: llm, x: x, size: len(body)}
	for _, header := range []string{"anthropic-beta", "openai-beta"} {
		for _, name := range strings.Split(x.Request.Headers[header], ",") {
			b.Beta(strings.TrimSpace(name))
		}
	}
	return b
}

// Fields reads the object that the body is, as [strictjson.Decoder.Object] does, and notes the names of its members.
func (b *Builder) Fields() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for name := range b.Object() {
			b.Field(string(name))
			if !yield(name) {
				return
			}
		}
	}
}

// Field notes the name of a field of the body.
func (b *Builder) Field(name string) { b.note(&b.LLM.Fields, name, "fields") }

// Beta notes a feature of the provider that is switched on by name.
func (b *Builder) Beta(name string) { b.note(&b.LLM.Betas, name, "betas") }

// Model notes a further model that the request names.
func (b *Builder) Model(name string) { b.note(&b.LLM.Models, name, "models") }

// note keeps a name once.
func (b *Builder) note(list *[]string, name, of string) {
	switch {
	case name == "" || slices.Contains(*list, name):
	case len(name) > maxName:
		b.Fail("one of the " + of + " has a name longer than " + strconv.Itoa(maxName) + " bytes")
	case len(*list) >= maxNames:
		b.Fail("more than " + strconv.Itoa(maxNames) + " " + of)
	default:
		*list = append(*list, name)
	}
}

// Finish checks that the body ended well and named a model and messages, and only then fills x.
func (b *Builder) Finish(x *filters.Exchange, messages bool) error {
	switch err := b.End(); {
	case err != nil:
		return err
	case b.LLM.Model == "":
		return malformed("/model", "want the name of a model")
	case !messages:
		return malformed("/messages", "want messages")
	}
	return b.Fill(x)
}

// Fill is Finish for bodies that need neither a model nor messages: it fills x if the body ended well.
func (b *Builder) Fill(x *filters.Exchange) error {
	if b.LLM.Model != "" {
		others := b.LLM.Models
		b.LLM.Models = nil
		for _, name := range append([]string{b.LLM.Model}, others...) {
			b.Model(name)
		}
	}
	b.resolve()
	if err := b.End(); err != nil {
		return err
	}
	if x.Memory != nil {
		for i := range b.Blocks {
			if block := &b.Blocks[i]; block.Sum == (filters.Sum{}) {
				block.Sum = x.Memory.Sum(block.Data.Bytes())
			}
		}
	}
	x.LLM, x.Blocks = &b.LLM, b.Blocks
	claim.Body(x, b.Said)
	return nil
}

// Called notes that the model called a tool, so that the result can be told by the tool's name.
func (b *Builder) Called(id, name string) {
	if id != "" && name != "" {
		b.called = append(b.called, call{id, name})
	}
}

// resolve gives tool results the names of their tools, and adds the tools that are only named.
func (b *Builder) resolve() {
	calls := make(map[string]string, len(b.called)) // name of the tool by the id of its call
	for _, c := range b.called {
		calls[c.id] = c.name
	}
	for i := range b.Blocks {
		result := &b.Blocks[i]
		if result.Origin != filters.OriginToolResult || result.CallID == "" {
			continue
		}
		if name, known := calls[result.CallID]; known {
			result.Name = name
		} else if result.Name == "" {
			result.Name = result.CallID
		}
	}
	declared := map[string]bool{}
	if len(b.named) > 0 {
		for _, t := range b.LLM.Tools {
			declared[t.Name] = true
		}
	}
	for _, t := range b.named {
		if !declared[t.Name] {
			declared[t.Name] = true
			b.Tool(t)
		}
	}
}

func malformed(pointer, message string) error {
	return &filters.BodyError{Kind: filters.RefusedMalformed, Pointer: pointer, Message: message}
}

// Add collects a block.
func (b *Builder) Add(block filters.Block) {
	if room(b, len(b.Blocks), "blocks of content") {
		b.Blocks = append(b.Blocks, block)
	}
}

// Tool collects a tool.
func (b *Builder) Tool(t filters.Tool) {
	if room(b, len(b.LLM.Tools), "tools") {
		b.LLM.Tools = append(b.LLM.Tools, t)
	}
}

// Named collects a tool that is named without its definition. It is told where the request has no definition of this name.
func (b *Builder) Named(t filters.Tool) {
	if t.Name != "" && room(b, len(b.named), "named tools") {
		b.named = append(b.named, t)
	}
}

// Declare collects a declaration.
func (b *Builder) Declare(d filters.Declaration) {
	if strings.HasSuffix(d.Kind, "_model") {
		b.Model(d.Name)
	}
	if room(b, len(b.LLM.Declarations), "declarations") {
		b.LLM.Declarations = append(b.LLM.Declarations, d)
	}
}

func room(b *Builder, n int, of string) bool {
	if n >= MaxItems {
		b.Fail("more than " + strconv.Itoa(MaxItems) + " " + of)
	}
	return b.Err() == nil
}

// Strings reads a list of strings, and leaves out what is none. It is not nil, even where there is nothing in it.
func (b *Builder) Strings() []string {
	list := []string{}
	for range b.Array() {
		if text := b.MaybeText(); text != nil && room(b, len(list), "names in a list") {
			list = append(list, string(text))
		}
	}
	return list
}

// OnlyTools reads OpenAI's allowed_tools: a list of names, or {tool_names, read_only}. What a server itself calls read-only limits nothing.
func (b *Builder) OnlyTools() (tools []string) {
	switch b.Kind() {
	case '[':
		return b.Strings()
	case '{':
		for name := range b.Object() {
			if string(name) == "tool_names" && b.Kind() == '[' {
				tools = b.Strings()
			}
		}
	default:
		b.Skip()
	}
	return tools
}

// AddText reads a string and collects it as plain text.
func (b *Builder) AddText(block filters.Block) {
	b.AddString("text/plain", block)
}

// AddString reads a string and collects what it says as a block of the media type.
func (b *Builder) AddString(mediaType string, block filters.Block) {
	text := b.Text()
	if text == nil {
		return
	}
	block.MediaType, block.Pointer, block.Data = mediaType, b.Pointer(), filters.Plain(text)
	block.Start, block.End = b.Range()
	b.Add(block)
}

// AddDataURI reads a string and collects data:<media type>;base64,<data> (RFC 2397) as its data, of a text the text, a web address as such,
// and anything else as bytes.
func (b *Builder) AddDataURI(block filters.Block) {
	n := len(b.Blocks)
	b.AddString("application/octet-stream", block)
	if len(b.Blocks) == n {
		return
	}
	at := &b.Blocks[n]
	uri := at.Data.Bytes()
	head, data, found := bytes.Cut(uri, []byte{','})
	switch {
	case found && len(head) >= 5 && bytes.EqualFold(head[:5], []byte("data:")):
		mediaType, params, _ := bytes.Cut(bytes.ToLower(head[5:]), []byte{';'})
		if len(mediaType) > 0 {
			at.MediaType = string(mediaType)
		}
		if bytes.HasSuffix(params, []byte("base64")) {
			data = Decoded(at.MediaType, data)
		}
		at.Data = filters.Plain(data)
	case bytes.Contains(uri[:min(len(uri), 16)], []byte("://")):
		at.MediaType = "text/uri-list"
	}
}

// AddJSON reads any value and collects it as it stands in the body.
func (b *Builder) AddJSON(block filters.Block) {
	value := b.Value()
	if value == nil {
		return
	}
	block.MediaType, block.Pointer, block.Data = "application/json", b.Pointer(), filters.Plain(value)
	block.Start, block.End = b.Range()
	b.Add(block)
}

// AddRest collects the value read since mark as it stands in the body, in the place of all blocks from the index first on: so
// that what the decoder does not know is judged nevertheless.
func (b *Builder) AddRest(first, mark int, block filters.Block) {
	if b.Err() != nil {
		return
	}
	b.Blocks = b.Blocks[:first]
	block.MediaType, block.Pointer, block.Data = "application/json", b.Pointer(), filters.Plain(b.Since(mark))
	block.Start, block.End = b.RangeSince(mark)
	b.Add(block)
}
