package mcp

import (
	"strconv"

	"bartizan/filters"
)

// result reads the members that carry content, by their names alone: a server that answers a tools/list with the content of a
// call is read all the same. What has not the type that the schema gives it is kept as raw JSON, and never vanishes.
func (m *serverMessage) result() {
	if !m.want('{', m.badEnvelope, "result must be an object") {
		return
	}
	for name := range m.Object() {
		switch string(name) {
		case "content":
			m.items()
		case "tools":
			m.tools()
		case "instructions":
			m.content.value(m.Decoder, filters.OriginSystem, "/result/instructions")
		case "structuredContent", "inputRequests":
			m.content.value(m.Decoder, filters.OriginToolResult, "/result/"+string(name))
		case "isError":
			if raw := m.Value(); string(raw) == "true" && m.failure == "" {
				m.failure = "isError"
			}
		case "_meta":
			m.content.aside(m.Decoder, "/result/_meta")
		default:
			m.refuseLookalike(name, resultNames)
		}
	}
}

func (m *serverMessage) items() {
	if m.Kind() != '[' {
		m.content.value(m.Decoder, filters.OriginToolResult, "/result/content")
		return
	}
	for i := range m.Array() {
		m.item("/result/content/" + strconv.Itoa(i))
	}
}

// item is one content block of a result (schema.ts, ContentBlock), with the fields of all its types.
type item struct {
	kind, mediaType string
	text, data      []byte
	odd             bool // has what the schema does not know: then the whole of it counts
}

func (m *serverMessage) item(pointer string) {
	if m.Kind() != '{' {
		m.content.value(m.Decoder, filters.OriginToolResult, pointer)
		return
	}
	var it item
	mark := m.Mark()
	for name := range m.Object() {
		switch string(name) {
		case "type":
			it.kind = m.claim()
		case "text":
			it.text = m.textOrOdd(&it)
		case "data":
			it.data = m.textOrOdd(&it)
		case "mimeType":
			it.mediaType = m.claim()
		case "resource":
			it.odd = m.resource(pointer+"/resource") || it.odd
		case "annotations", "_meta":
			m.Skip()
		default:
			it.odd = true
		}
	}
	raw := m.Since(mark)
	m.content.text(it.text, "", pointer+"/text")
	m.content.text(it.data, it.mediaType, pointer+"/data")
	if it.odd || it.kind != "text" && it.kind != "image" && it.kind != "audio" && it.kind != "resource" {
		m.content.add(filters.Block{Origin: filters.OriginToolResult, MediaType: "application/json", Pointer: pointer, Data: raw})
	}
}

func (m *serverMessage) textOrOdd(it *item) []byte {
	if m.Kind() != '"' {
		it.odd = true
		m.Skip()
		return nil
	}
	return m.Text()
}

// resource reads an embedded resource: its text or its blob in base64. It says whether there is more, which the schema does not
// know. The uri is no content.
func (m *serverMessage) resource(pointer string) (odd bool) {
	if m.Kind() != '{' {
		m.Skip()
		return true
	}
	var it item
	for name := range m.Object() {
		switch string(name) {
		case "text":
			it.text = m.textOrOdd(&it)
		case "blob":
			it.data = m.textOrOdd(&it)
		case "mimeType":
			it.mediaType = m.claim()
		case "uri", "annotations", "_meta":
			m.Skip()
		default:
			it.odd = true
		}
	}
	m.content.text(it.text, it.mediaType, pointer+"/text")
	m.content.text(it.data, it.mediaType, pointer+"/blob")
	return it.odd
}

func (m *serverMessage) tools() {
	if m.Kind() != '[' {
		m.content.value(m.Decoder, filters.OriginToolDefinition, "/result/tools")
		return
	}
	count := 0
	for i := range m.Array() {
		count++
		m.definition("/result/tools/" + strconv.Itoa(i))
	}
	m.x.Response.Offered = count
}

// definition reads one tool. Its description becomes a block of text, since that is what a model is told; the whole definition
// becomes one of JSON, since descriptions hide in schemas and annotations as well.
func (m *serverMessage) definition(pointer string) {
	if m.Kind() != '{' {
		m.content.value(m.Decoder, filters.OriginToolDefinition, pointer)
		return
	}
	var tool string
	var description []byte
	mark := m.Mark()
	for name := range m.Object() {
		switch string(name) {
		case "name":
			tool = m.claim()
		case "description":
			if m.Kind() == '"' {
				description = m.Text()
			}
		}
	}
	raw := m.Since(mark)
	if len(description) > 0 {
		m.content.add(filters.Block{
			Origin: filters.OriginToolDefinition, MediaType: "text/plain", Pointer: pointer + "/description", Name: tool, Data: description,
		})
	}
	m.content.add(filters.Block{Origin: filters.OriginToolDefinition, MediaType: "application/json", Pointer: pointer, Name: tool, Data: raw})
}
