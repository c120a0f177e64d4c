package mcp

import (
	"bartizan/filters"
	"bartizan/filters/strictjson"
)

// Names of members, as the JSON-RPC 2.0 and the MCP schemas spell them. They are compared exactly.
var (
	paramNames = []string{
		"name", "arguments", "_meta", "protocolVersion", "clientInfo", "capabilities", "inputResponses", "requestState", "task", "uri",
		"taskId", "ref", "argument", "context", "notifications", "cursor", "level",
	}
	refNames    = []string{"type", "name", "uri", "title"}
	listenNames = []string{"resourceSubscriptions", "taskIds", "toolsListChanged", "promptsListChanged", "resourcesListChanged"}
	metaNames   = []string{metaVersion, metaCapabilities, metaClient}
)

// The members of _meta that 2026-07-28 defines (basic, section Request Metadata).
const (
	metaVersion      = "io.modelcontextprotocol/protocolVersion"
	metaCapabilities = "io.modelcontextprotocol/clientCapabilities"
	metaClient       = "io.modelcontextprotocol/clientInfo"
)

// Bounds of what is kept, in bytes but for the last.
const (
	maxID            = 256
	maxMethod        = 128
	maxTool          = 256 // the specification allows 128, and only as a SHOULD
	maxURI           = 2048
	maxVersion       = 64
	maxSubscriptions = 256
)

// request is one message of a client as it stands, before anything is concluded from it.
type request struct {
	reader
	params
	version   string // the member jsonrpc
	id        []byte
	hasID     bool
	nullID    bool
	method    string
	hasResult bool
	hasError  bool
	blocks    []filters.Block // what it says
}

// isAnswer tells whether the message is a response, to a request of the server.
func (m *request) isAnswer() bool { return m.hasResult || m.hasError }

// readRequest reads the body in one pass. An error says that it is not JSON; everything else is noted in the request.
func readRequest(body []byte) (*request, error) {
	m := &request{reader: reader{Decoder: strictjson.New(body)}}
	if m.want('{', m.badEnvelope, "want one JSON-RPC message, an object") { // an array is a batch: of all revisions only 2025-03-26 had it
		m.message()
	}
	if err := m.End(); err != nil {
		return nil, withCode(err, codeParse)
	}
	if nulName(body) {
		m.badEnvelope("a member name contains U+0000")
	}
	return m, nil
}

func (m *request) message() {
	for name := range m.Object() {
		switch string(name) {
		case "jsonrpc":
			m.version = m.claim()
		case "id":
			m.readID()
		case "method":
			m.readMethod()
		case "params":
			m.readParams()
		case "result":
			m.hasResult = true
			m.readAnswer()
		case "error":
			m.hasError = true
			m.part(filters.OriginUser)
		default:
			m.badEnvelope("a JSON-RPC message has no such member")
		}
	}
}

func (m *request) readID() {
	m.hasID = true
	raw := m.Value()
	if string(raw) == "null" { // of a response to what could not be read (JSON-RPC 2.0, section 5)
		m.nullID = true
		return
	}
	if !validID(raw) {
		m.badEnvelope("id must be a string or a whole number, and at most 256 bytes long")
		return
	}
	m.id = raw
}

// validID admits the ids that every parser reads as the same: any string, and integers as RFC 7493 section 2.2 bounds them.
func validID(raw []byte) bool {
	if len(raw) == 0 || len(raw) > maxID {
		return false
	}
	if raw[0] == '"' {
		return true
	}
	digits := raw
	if raw[0] == '-' {
		digits = raw[1:]
	}
	if len(digits) == 0 || len(digits) > 15 && string(digits) > "9007199254740991" || len(digits) > 16 {
		return false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	return string(raw) != "-0"
}

func (m *request) readMethod() {
	if !m.want('"', m.badEnvelope, "method must be a string") {
		return
	}
	method := m.Text()
	if len(method) == 0 || len(method) > maxMethod || !visible(method) {
		m.badEnvelope("method must be 1 to 128 visible ASCII characters")
		return
	}
	m.method = string(method)
}

func visible(s []byte) bool {
	for _, c := range s {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
