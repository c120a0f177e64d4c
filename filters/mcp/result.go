package mcp

import (
	"bartizan/filters"
)

var resultNames = []string{
	"content", "structuredContent", "isError", "tools", "prompts", "resources", "resourceTemplates", "tasks", "contents", "messages",
	"instructions", "inputRequests", "_meta", "resultType", "nextCursor", "cacheScope", "ttlMs", "task", "result", "error",
}

// result reads the result of a response.
func (m *serverMessage) result() {
	if !m.want('{', m.badEnvelope, "result must be an object") {
		return
	}
	if !modern(m.x) {
		m.era = eraLegacy
	}
	var keep keeping
	for name := range m.Object() {
		if keep.begin == 0 {
			keep.begin, _ = m.Range()
		}
		switch string(name) {
		case "cacheScope":
			m.Skip()
			keep.scope.Start, keep.scope.End = m.Range()
		case "ttlMs":
			m.Skip()
			keep.ttl.Start, keep.ttl.End = m.Range()
		default:
			m.member(name)
		}
	}
	m.limit(keep)
}

// body reads an object within a message as a result is read.
func (m *serverMessage) body() {
	if m.Kind() != '{' {
		m.part()
		return
	}
	for name := range m.Object() {
		m.member(name)
	}
}

// member reads what carries content, by its name alone: what a server sends in the place of something else is read all the same, and of
// a replay (2025-11-25, Resumability) the request is not known. What the schema does not know becomes a block, and never vanishes.
func (m *serverMessage) member(name []byte) {
	if kind, ok := listKinds[string(name)]; ok {
		m.list(kind)
		return
	}
	switch string(name) {
	case "content":
		m.items()
	case "contents":
		m.contents()
	case "messages":
		m.messages()
	case "instructions":
		m.instructions()
	case "inputRequests":
		m.inputRequests()
	case "result", "task":
		m.body()
	case "error":
		m.readError()
	case "data": // of a log message
		m.anything(m.part())
	case "method":
	default:
		m.fact(name)
	}
}

// fact reads what tells something about the result.
func (m *serverMessage) fact(name []byte) {
	switch string(name) {
	case "isError":
		if raw := m.Value(); string(raw) == "true" && m.failure == "" {
			m.failure = "isError"
		}
	case "resultType":
		m.era = eraModern
	case "nextCursor", "requestState", "taskId", "protocolVersion":
	default:
		m.refuseLookalike(name, resultNames)
		m.part()
	}
}

// instructions tell the model how to use the server.
func (m *serverMessage) instructions() {
	first := len(m.blocks)
	at := m.partOf(filters.OriginSystem)
	item := Item{Kind: ItemInstructions, Definition: m.data[at.Start:at.End]}
	a := m.gate().List(item)
	note(m.x, item, a)
	if !a.Visible {
		m.blocks = m.blocks[:first]
		m.edits = append(m.edits, filters.Edit{Start: at.Start, End: at.End, With: []byte(`""`)})
	}
}

// inputRequests reads what a server wants to know before it goes on (2026-07-28, basic/patterns/mrtr).
func (m *serverMessage) inputRequests() {
	if m.Kind() != '{' {
		m.part()
		return
	}
	for range m.Object() {
		m.inputRequest()
	}
}

func (m *serverMessage) inputRequest() {
	if m.Kind() != '{' {
		m.part()
		return
	}
	for name := range m.Object() {
		switch string(name) {
		case "method":
			m.wants(m.claim())
		case "params":
			m.body()
		default:
			m.part()
		}
	}
}

// wants notes that the server asks for something that is switched off for it.
func (m *serverMessage) wants(method string) {
	for _, capability := range m.server.Off {
		if method == askingMethods[capability] {
			m.asks = capability
		}
	}
}

// askingMethods are how a server uses a capability of the client.
var askingMethods = map[string]string{
	"sampling": "sampling/createMessage", "elicitation": "elicitation/create", "roots": "roots/list",
}
