package mcp

import (
	"bartizan/filters"
)

// add keeps a block of a message of the client. What it is for is known when the method is.
func (m *request) add(b filters.Block) {
	if b.Data.Bytes() == nil { // of a value that is no JSON, which the reader's end tells
		return
	}
	b.Role = string(b.Origin)
	m.blocks = append(m.blocks, b)
}

// part keeps the next value as a block: a string as text, anything else as JSON.
func (m *request) part(origin filters.Origin) {
	b := filters.Block{Origin: origin, MediaType: "application/json"}
	if m.Kind() == '"' {
		b.MediaType, b.Data = "text/plain", filters.Plain(m.Text())
	} else {
		b.Data = filters.Plain(m.Value())
	}
	b.Start, b.End = m.Range()
	b.Pointer = m.Pointer()
	m.add(b)
}

// whole keeps what was read since mark, an object, as a block.
func (m *request) whole(origin filters.Origin, mark int) {
	b := filters.Block{Origin: origin, MediaType: "application/json", Data: filters.Plain(m.Since(mark)), Pointer: m.Pointer()}
	b.Start, b.End = m.RangeSince(mark)
	m.add(b)
}

// readArguments keeps the raw object. Two names that only case tells apart are refused at its top level, where a server binds
// them to the parameters of a tool; deeper down, keys may be anybody's data.
func (m *request) readArguments() {
	if m.Null() {
		return
	}
	if !m.want('{', m.badParams, "arguments must be an object") {
		return
	}
	mark, seen := m.Mark(), folder{}
	for name := range m.Object() {
		if seen.clash(name) {
			m.badParams("two arguments differ only in case")
		}
	}
	m.arguments = m.Since(mark)
	m.whole(filters.OriginAssistant, mark)
}

// readArgument reads what a completion/complete wants completed.
func (m *request) readArgument() {
	if !m.want('{', m.badParams, "argument must be an object") {
		return
	}
	for name := range m.Object() {
		if string(name) != "name" {
			m.part(filters.OriginUser)
		}
	}
}

// readInputResponses reads the answers of a client to what a server asked in the result before (2026-07-28, basic/patterns/mrtr).
func (m *request) readInputResponses() {
	if !m.want('{', m.badParams, "inputResponses must be an object") {
		return
	}
	for range m.Object() {
		m.readAnswer()
	}
}

// readAnswer reads what a client answers to its server: an ElicitResult, a CreateMessageResult or a ListRootsResult of the schema. A
// person says the first and the last, a model the second, which alone has a role or a model.
func (m *request) readAnswer() {
	if m.Kind() != '{' {
		m.part(filters.OriginUser)
		return
	}
	first, sampled := len(m.blocks), false
	for name := range m.Object() {
		switch string(name) {
		case "role", "model":
			sampled = true
		case "action", "stopReason", "_meta":
		case "content":
			m.readAnswerContent()
		default:
			m.part(filters.OriginUser)
		}
	}
	if sampled {
		for i := range m.blocks[first:] {
			b := &m.blocks[first+i]
			b.Origin, b.Role = filters.OriginAssistant, string(filters.OriginAssistant)
		}
	}
}

// readAnswerContent reads one content block, an array of them, or the fields of a form.
func (m *request) readAnswerContent() {
	switch m.Kind() {
	case '[':
		for range m.Array() {
			m.readAnswerItem()
		}
	case '{':
		m.readAnswerItem()
	default:
		m.part(filters.OriginUser)
	}
}

// readAnswerItem keeps a content block of type text as text, and anything else, forms included, as JSON.
func (m *request) readAnswerItem() {
	if m.Kind() != '{' {
		m.part(filters.OriginUser)
		return
	}
	mark, first, kind, odd := m.Mark(), len(m.blocks), "", false
	for name := range m.Object() {
		switch string(name) {
		case "type":
			kind = m.claim()
		case "text":
			m.part(filters.OriginUser)
		default:
			odd = true
		}
	}
	if kind == "text" && !odd {
		return
	}
	m.blocks = m.blocks[:first]
	m.whole(filters.OriginUser, mark)
}
