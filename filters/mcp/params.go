package mcp

import (
	"unicode"
	"unicode/utf8"
)

// readParams reads what any admitted method may carry. What a method must have is checked when the method is known: it may come
// behind its parameters.
func (m *request) readParams() {
	if !m.want('{', m.badParams, "params must be an object") {
		return
	}
	for name := range m.Object() {
		switch string(name) {
		case "name":
			m.readName()
		case "arguments":
			m.readArguments()
		case "_meta":
			m.readMeta()
		case "protocolVersion":
			m.initVersion = m.bounded(maxVersion)
		case "clientInfo":
			m.client = m.readClient()
		case "inputResponses":
			m.inputResponses.raw = m.Value()
			m.inputResponses.start, m.inputResponses.end = m.Range()
		default:
			m.refuseLookalike(name, paramNames)
		}
	}
}

func (m *request) refuseLookalike(name []byte, known []string) {
	if k, ok := lookalike(name, known); ok {
		m.badParams("a member name differs from " + k + " only in case")
	}
}

// bounded reads a string of at most limit bytes; anything else counts as absent, which is refused where the value is wanted.
func (m *request) bounded(limit int) string {
	if s := m.claim(); len(s) <= limit {
		return s
	}
	return ""
}

func (m *request) readName() {
	if !m.want('"', m.badParams, "name must be a string") {
		return
	}
	name := m.Text()
	if len(name) == 0 || len(name) > maxTool || !printable(name) {
		m.badParams("name must be 1 to 256 bytes without control characters")
		return
	}
	m.name = string(name)
}

func printable(s []byte) bool {
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return false
		}
		s = s[n:]
	}
	return true
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
	m.arguments.raw = m.Since(mark)
	m.arguments.start, m.arguments.end = m.RangeSince(mark)
}

func (m *request) readMeta() {
	if !m.want('{', m.badParams, "_meta must be an object") {
		return
	}
	for name := range m.Object() {
		switch string(name) {
		case metaVersion:
			m.meta.hasVersion, m.meta.version = true, m.bounded(maxVersion)
		case metaCapabilities:
			m.meta.capabilities = m.Kind() == '{'
		case metaClient:
			m.meta.client = m.readClient()
		case "claudecode/toolUseId":
			m.meta.toolUseID = m.claim()
		case "callId":
			if id := m.claim(); m.meta.toolUseID == "" {
				m.meta.toolUseID = id
			}
		default:
			m.refuseLookalike(name, metaNames)
		}
	}
}

// readClient reads an Implementation of the schema. It is a claim, and may be anything.
func (m *request) readClient() clientInfo {
	var c clientInfo
	if m.Kind() != '{' {
		m.Skip()
		return c
	}
	for name := range m.Object() {
		switch string(name) {
		case "name":
			c.name = m.claim()
		case "version":
			c.version = m.claim()
		}
	}
	return c
}
