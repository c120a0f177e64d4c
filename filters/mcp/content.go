package mcp

import (
	"bartizan/filters"
)

// maxBlocks bounds the parts of one message that are judged. A page of a list has hundreds.
const maxBlocks = 1 << 15

// content is what one message of a server says, and the forms in which parts of it can be replaced.
type content struct {
	blocks []filters.Block
	slots  []slot
	lists  []list
	edits  []filters.Edit // what is changed whatever is judged
}

// slot is a value that a notice can stand in for, as a whole: an element of a result's content, or what may be any JSON.
type slot struct {
	span
	form form
	uri  []byte // formContents: the raw value of its uri
}

// form is the shape of what stands in a slot.
type form int

const (
	formAny      form = iota // any JSON: the notice is a string
	formItem                 // a ContentBlock: the notice is one of type text
	formContents             // the contents of a resource: the notice is its text
)

// add keeps a block of the message. A value that is no JSON has no data, which the reader's end tells.
func (m *serverMessage) add(b filters.Block) {
	switch {
	case b.Data.Bytes() == nil || len(m.blocks) > maxBlocks:
		return
	case m.judge == nil:
		m.x.Response.Content.Add([]filters.Block{b})
		return
	}
	b.Role = "tool"
	if b.Origin == filters.OriginSystem {
		b.Role = "system"
	}
	if b.Origin == "" {
		b.Origin = filters.OriginToolResult
	}
	if b.Name == "" && b.Origin == filters.OriginToolResult && m.x.MCP != nil {
		b.Name = m.x.MCP.Tool.Name
	}
	m.blocks = append(m.blocks, b)
}

// part keeps the next value as a block, a string as text and an object or an array as JSON, and says where it stands.
func (m *serverMessage) part() span { return m.partOf(filters.OriginToolResult) }

func (m *serverMessage) partOf(origin filters.Origin) span {
	b := filters.Block{Origin: origin}
	switch m.Kind() {
	case '"':
		b.MediaType, b.Data = "text/plain", filters.Plain(m.Text())
	case '{', '[':
		b.MediaType, b.Data = "application/json", filters.Plain(m.Value())
	default: // numbers and truth values say nothing
		m.Skip()
	}
	b.Start, b.End = m.Range()
	if b.Data.Len() > 0 {
		b.Pointer = m.Pointer()
		m.add(b)
	}
	return span{Start: b.Start, End: b.End}
}

// datum keeps the next value where it is a string: text or base64, of the media type that its object tells. It says whether it was one.
func (m *serverMessage) datum(mediaType string, told *[]int) bool {
	if m.Kind() != '"' {
		m.Skip()
		return false
	}
	b := filters.Block{Data: filters.Plain(m.Text()), Pointer: m.Pointer(), MediaType: mediaType}
	b.Start, b.End = m.Range()
	if b.Data.Len() > 0 {
		*told = append(*told, len(m.blocks))
		m.add(b)
	}
	return true
}

// tell gives data the media type that stood beside it, before or behind.
func (m *serverMessage) tell(told []int, mediaType string) {
	for _, i := range told {
		if mediaType != "" && i < len(m.blocks) {
			m.blocks[i].MediaType = mediaType
		}
	}
}

// whole keeps what was read since mark as a block of JSON.
func (m *serverMessage) whole(b filters.Block, mark int) {
	b.MediaType, b.Data, b.Pointer = "application/json", filters.Plain(m.Since(mark)), m.Pointer()
	b.Start, b.End = m.RangeSince(mark)
	m.add(b)
}

// anything says that any JSON may stand in the place of the value.
func (m *serverMessage) anything(at span) { m.slots = append(m.slots, slot{span: at, form: formAny}) }
