package mcp

import (
	"strconv"
	"unicode"
	"unicode/utf8"

	"bartizan/filters"
)

// params are the parameters of a message as they stand. Any admitted method may carry any of them: what a method must have is checked
// when the method is known, since that may come behind its parameters.
type params struct {
	name, uri, taskID string
	ref               reference
	arguments         []byte
	initVersion       string
	client            clientInfo
	offered           members // the capabilities of an initialize
	listen            subscriptions
	meta              requestMeta
}

// reference is what a completion/complete is about: a prompt by its name, or a resource template by its uri.
type reference struct{ kind, name, uri string }

// subscriptions are what a subscriptions/listen wants to hear of.
type subscriptions struct{ resources, tasks []string }

type clientInfo struct{ name, version string }

type requestMeta struct {
	version      string
	hasVersion   bool
	capabilities bool
	offered      members // the same
	client       clientInfo
	toolUseID    string
}

func (m *request) readParams() {
	if !m.want('{', m.badParams, "params must be an object") {
		return
	}
	for name := range m.Object() {
		switch string(name) {
		case "name":
			m.name = m.identifier("name", maxTool)
		case "uri":
			m.readURI()
		case "taskId":
			m.taskID = m.identifier("taskId", maxTool)
		case "ref":
			m.readReference()
		case "notifications":
			m.readSubscriptions()
		case "protocolVersion":
			m.initVersion = m.bounded(maxVersion)
		case "clientInfo":
			m.client = m.readClient()
		case "capabilities":
			m.offered = m.readMembers()
		case "_meta":
			m.readMeta()
		default:
			m.readContent(name)
		}
	}
}

// readContent reads parameters that carry what a person or a model says, and so become blocks. What no revision knows is one too.
func (m *request) readContent(name []byte) {
	switch string(name) {
	case "arguments":
		m.readArguments()
	case "argument":
		m.readArgument()
	case "inputResponses":
		m.readInputResponses()
	case "cursor", "requestState", "task", "level", "progressToken", "progress", "total", "requestId",
		"status", "createdAt", "lastUpdatedAt", "ttl", "pollInterval": // between two programs; what they hold, a server said first
	default:
		m.refuseLookalike(name, paramNames)
		m.part(filters.OriginUser)
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

// identifier reads the name of a thing that the gate decides about: all parsers and all eyes must see the same.
func (m *request) identifier(member string, limit int) string {
	if !m.want('"', m.badParams, member+" must be a string") {
		return ""
	}
	id := m.Text()
	if len(id) == 0 || len(id) > limit || !printable(id) {
		m.badParams(member + " must be 1 to " + strconv.Itoa(limit) + " bytes without control characters")
		return ""
	}
	return string(id)
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

// readURI reads the resource wanted. It is content as well: what a model writes into it leaves the house.
func (m *request) readURI() {
	if m.uri = m.identifier("uri", maxURI); m.uri != "" {
		b := filters.Block{Origin: filters.OriginAssistant, MediaType: "text/plain", Pointer: m.Pointer(), Data: filters.Plain(m.uri)}
		b.Start, b.End = m.Range()
		m.add(b)
	}
}

func (m *request) readReference() {
	if !m.want('{', m.badParams, "ref must be an object") {
		return
	}
	for name := range m.Object() {
		switch string(name) {
		case "type":
			m.ref.kind = m.claim()
		case "name":
			m.ref.name = m.identifier("name", maxTool)
		case "uri":
			m.ref.uri = m.identifier("uri", maxURI)
		default:
			m.refuseLookalike(name, refNames)
		}
	}
}

func (m *request) readSubscriptions() {
	if !m.want('{', m.badParams, "notifications must be an object") {
		return
	}
	for name := range m.Object() {
		switch string(name) {
		case "resourceSubscriptions":
			m.listen.resources = m.identifiers(string(name), maxURI)
		case "taskIds":
			m.listen.tasks = m.identifiers(string(name), maxTool)
		default:
			m.refuseLookalike(name, listenNames)
		}
	}
}

func (m *request) identifiers(member string, limit int) []string {
	if !m.want('[', m.badParams, member+" must be an array") {
		return nil
	}
	var ids []string
	for i := range m.Array() {
		if i == maxSubscriptions {
			m.badParams(member + " has more than " + strconv.Itoa(maxSubscriptions) + " elements")
		}
		if i < maxSubscriptions {
			ids = append(ids, m.identifier(member, limit))
		}
	}
	return ids
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
			m.meta.offered = m.readMembers()
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
