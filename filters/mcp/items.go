package mcp

import (
	"bartizan/filters"
)

// items reads what carries ContentBlocks of the schema: one, or an array of them.
func (m *serverMessage) items() {
	if m.Kind() != '[' {
		m.item()
		return
	}
	for range m.Array() {
		m.item()
	}
}

// item reads one content block, with the fields of all its types. Text and binary data become blocks of their own; where there is
// anything else, the whole of it does.
func (m *serverMessage) item() {
	if m.Kind() != '{' {
		m.anything(m.part())
		return
	}
	mark, kind, mediaType, odd := m.Mark(), "", "", false
	var text, binary []int
	for name := range m.Object() {
		switch string(name) {
		case "type":
			kind = m.claim()
		case "text":
			odd = !m.datum("text/plain", &text) || odd
		case "data":
			odd = !m.datum("application/octet-stream", &binary) || odd
		case "mimeType":
			mediaType = m.claim()
		case "resource":
			odd = m.embedded() || odd
		case "annotations":
			m.Skip()
		default:
			odd = true
		}
	}
	m.tell(binary, mediaType)
	if odd || kind != "text" && kind != "image" && kind != "audio" && kind != "resource" {
		m.whole(filters.Block{}, mark)
	}
	m.slots = append(m.slots, slot{span: m.since(mark), form: formItem})
}

// since is where what was read since mark stands.
func (m *serverMessage) since(mark int) span {
	start, end := m.RangeSince(mark)
	return span{Start: start, End: end}
}

// embedded reads a resource within a content block. It says whether it is none.
func (m *serverMessage) embedded() (odd bool) {
	if m.Kind() != '{' {
		m.Skip()
		return true
	}
	m.resourceContents()
	return false
}

// contents reads the contents of a resource that was asked for.
func (m *serverMessage) contents() {
	if m.Kind() != '[' {
		m.part()
		return
	}
	for range m.Array() {
		if m.Kind() != '{' {
			m.anything(m.part())
			continue
		}
		mark := m.Mark()
		uri := m.resourceContents()
		m.slots = append(m.slots, slot{span: m.since(mark), form: formContents, uri: uri})
	}
}

// resourceContents reads a text or a blob in base64, and returns the raw uri.
func (m *serverMessage) resourceContents() (uri []byte) {
	var told []int
	mediaType := ""
	for name := range m.Object() {
		switch string(name) {
		case "text":
			m.datum("text/plain", &told)
		case "blob":
			m.datum("application/octet-stream", &told)
		case "mimeType":
			mediaType = m.claim()
		case "uri":
			m.part()
			start, end := m.Range()
			uri = m.data[start:end]
		case "annotations":
			m.Skip()
		default:
			m.part()
		}
	}
	m.tell(told, mediaType)
	return uri
}

// messages reads those of a prompt, or of a request for sampling.
func (m *serverMessage) messages() {
	if m.Kind() != '[' {
		m.part()
		return
	}
	for range m.Array() {
		if m.Kind() != '{' {
			m.part()
			continue
		}
		for name := range m.Object() {
			switch string(name) {
			case "role":
				m.Skip()
			case "content":
				m.items()
			default:
				m.part()
			}
		}
	}
}
