package mcp

import (
	"bytes"
	"unicode/utf8"

	"bartizan/filters"
	"bartizan/filters/strictjson"
)

// MediaTypeTruncated is the media type of the block that stands for all content of an answer beyond what is kept of one answer.
const MediaTypeTruncated = "application/vnd.bartizan.truncated"

// Bounds of the content kept of one answer, in bytes. Each block counts with its overhead, so that many small ones are bounded
// too. What stands beside the results has a bound of its own: a server must not be able to push them out with notifications.
const (
	maxContent   = 1 << 20
	maxAside     = 64 << 10
	blockCost    = 256
	truncatedMsg = "content of the answer beyond this point was not kept"
)

// collector appends copies of content to an exchange's blocks.
type collector struct {
	x          *filters.Exchange
	left       int
	leftAside  int
	overflowed bool
}

func newCollector(x *filters.Exchange) *collector {
	return &collector{x: x, left: maxContent, leftAside: maxAside}
}

// add keeps a block, and gives it what all blocks of an answer have in common.
func (c *collector) add(b filters.Block) { c.spend(b, &c.left) }

func (c *collector) spend(b filters.Block, left *int) {
	if b.Data == nil { // of a value that is no JSON, which the reader's end tells
		return
	}
	*left -= len(b.Data) + len(b.Pointer) + blockCost
	if *left < 0 {
		*left = 0
		c.overflow()
		return
	}
	c.put(b)
}

func (c *collector) put(b filters.Block) {
	b.Role = "tool"
	if b.Origin == filters.OriginSystem {
		b.Role = "system"
	}
	if b.Name == "" && b.Origin == filters.OriginToolResult && c.x.MCP != nil {
		b.Name = c.x.MCP.Tool.Name
	}
	b.Data = bytes.Clone(b.Data) // of a stream, the bytes are gone with the next event; of a body, they would keep all of it
	c.x.Blocks = append(c.x.Blocks, b)
}

// overflow marks, once, that content was left out.
func (c *collector) overflow() {
	if !c.overflowed {
		c.overflowed = true
		c.put(filters.Block{Origin: filters.OriginToolResult, MediaType: MediaTypeTruncated, Data: []byte(truncatedMsg)})
	}
}

// text keeps a string of the result: text, or what mediaType says.
func (c *collector) text(data []byte, mediaType, pointer string) {
	if len(data) == 0 {
		return
	}
	if mediaType == "" {
		mediaType = "text/plain"
	}
	c.add(filters.Block{Origin: filters.OriginToolResult, MediaType: mediaType, Pointer: pointer, Data: data})
}

// value keeps the next value: a string as text, anything else as JSON.
func (c *collector) value(d *strictjson.Decoder, origin filters.Origin, pointer string) {
	c.spend(next(d, origin, pointer), &c.left)
}

// aside keeps the next value within the smaller bound.
func (c *collector) aside(d *strictjson.Decoder, pointer string) {
	c.spend(next(d, filters.OriginToolResult, pointer), &c.leftAside)
}

func next(d *strictjson.Decoder, origin filters.Origin, pointer string) filters.Block {
	b := filters.Block{Origin: origin, MediaType: "application/json", Pointer: pointer}
	if d.Kind() == '"' {
		b.MediaType = "text/plain"
		b.Data = d.Text()
	} else {
		b.Data = d.Value()
	}
	return b
}

// foreign keeps a body that is no message.
func (c *collector) foreign(body []byte) {
	if len(body) == 0 {
		return
	}
	b := filters.Block{Origin: filters.OriginToolResult, MediaType: "application/octet-stream", Data: body}
	if utf8.Valid(body) {
		b.MediaType = "text/plain"
	}
	c.add(b)
}
