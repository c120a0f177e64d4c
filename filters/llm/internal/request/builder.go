// Package request is what the decoders of model requests share: a strict reader that collects blocks, tools and declarations.
//
// It promises that what it collects is bounded, in number and (since data aliases the body) in bytes, and that strings outside
// of blocks are copies, so that they outlive the body. It does not know any dialect. A Builder serves one request in one
// goroutine. Errors stick, as in strictjson.
package request

import (
	"bytes"
	"strconv"

	"bartizan/filters"
	"bartizan/filters/strictjson"
)

// MaxItems limits the blocks, and likewise the tools and the declarations, of one request. A block costs some 150 bytes beside
// its data, while a body can hold one in every three: without a limit 40 MiB would become gigabytes. Long sessions of agents
// have a few thousand.
const MaxItems = 1 << 16

// Builder reads the body of one request. It is a strictjson.Decoder with a place for what is found.
type Builder struct {
	*strictjson.Decoder
	LLM    filters.LLM
	UserID string
	Blocks []filters.Block
}

// New begins to read the body of x for a dialect, with what its route says already filled in.
func New(x *filters.Exchange, body []byte) *Builder {
	llm := filters.LLM{Provider: x.Route.Target, Dialect: x.Route.Dialect, Operation: x.Route.Operation}
	return &Builder{Decoder: strictjson.New(body), LLM: llm}
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
	x.LLM, x.Blocks = &b.LLM, b.Blocks
	if b.UserID != "" {
		x.Claimed.UserID = b.UserID
	}
	return nil
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

// Declare collects a declaration.
func (b *Builder) Declare(d filters.Declaration) {
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

// AddText reads a string and collects it as plain text.
func (b *Builder) AddText(block filters.Block) {
	b.AddString("text/plain", block)
}

// AddString reads a string and collects what it says as a block of the media type.
func (b *Builder) AddString(mediaType string, block filters.Block) {
	if block.Data = b.Text(); block.Data == nil {
		return
	}
	block.MediaType, block.Pointer = mediaType, b.Pointer()
	block.Start, block.End = b.Range()
	b.Add(block)
}

// AddDataURI reads a string and collects data:<media type>;base64,<data> (RFC 2397) as its data, a web address as such, and anything
// else as bytes.
func (b *Builder) AddDataURI(block filters.Block) {
	n := len(b.Blocks)
	b.AddString("application/octet-stream", block)
	if len(b.Blocks) == n {
		return
	}
	at := &b.Blocks[n]
	head, data, found := bytes.Cut(at.Data[:len(at.Data):len(at.Data)], []byte{','})
	switch {
	case found && len(head) >= 5 && bytes.EqualFold(head[:5], []byte("data:")):
		mediaType, _, _ := bytes.Cut(head[5:], []byte{';'})
		at.Data = data
		if len(mediaType) > 0 {
			at.MediaType = string(bytes.ToLower(mediaType))
		}
	case bytes.Contains(at.Data[:min(len(at.Data), 16)], []byte("://")):
		at.MediaType = "text/uri-list"
	}
}

// AddJSON reads any value and collects it as it stands in the body.
func (b *Builder) AddJSON(block filters.Block) {
	if block.Data = b.Value(); block.Data == nil {
		return
	}
	block.MediaType, block.Pointer = "application/json", b.Pointer()
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
	block.MediaType, block.Pointer, block.Data = "application/json", b.Pointer(), b.Since(mark)
	block.Start, block.End = b.RangeSince(mark)
	b.Add(block)
}
