package mcp

import (
	"bytes"
	"errors"

	"bartizan/filters"
	"bartizan/filters/strictjson"

	"github.com/go-json-experiment/json/jsontext"
)

var (
	envelopeNames = []string{"jsonrpc", "id", "method", "params", "result", "error"}
	errorNames    = []string{"code", "message", "data"}
)

// answer is what all readers of one answer share.
type answer struct {
	x        *filters.Exchange
	judge    filters.AnswerJudge // nil: nothing to say
	registry Registry
	server   Server
	open     Gate               // of the lists; nil until there is one
	decoder  strictjson.Decoder // kept from event to event
	released bool               // the body has passed as a whole, or its beginning has: there is nothing left to replace
}

// wanted tells whether the client waits for a response: its message has an id.
func (a *answer) wanted() bool { return a.x.MCP != nil && a.x.MCP.ID != nil }

// operation is what the request did.
func (a *answer) operation() string {
	if a.x.MCP == nil {
		return ""
	}
	return a.x.MCP.Method
}

// gate is the gate to what the server's lists hold.
func (a *answer) gate() Gate {
	if a.open == nil {
		a.open = a.registry.Gate(a.x)
	}
	return a.open
}

// serverMessage is one message of a server: a response, or in a stream also a notification or, in the legacy era, a request.
type serverMessage struct {
	reader
	*answer
	content
	data      []byte
	version   string
	id        []byte
	method    string
	hasMethod bool
	hasResult bool
	hasError  bool
	failure   string // what Response.Error becomes
	asks      string // the capability of the client that it wants to use, where that is switched off
	era       string // of the server, where the message shows it
}

// read reads one message strictly, notes what it says in the exchange, and returns it as it may go on: as it is, or with what the gate
// and the judge want changed. It returns nothing for a message that is left out of its stream. What is no message is an error.
func (a *answer) read(data []byte) ([]byte, error) {
	a.decoder.Reset(data)
	m := &serverMessage{reader: reader{Decoder: &a.decoder}, answer: a, data: data}
	if m.want('{', m.badEnvelope, "want one JSON-RPC message, an object") {
		m.message()
	}
	if err := m.End(); err != nil {
		var be *filters.BodyError
		if errors.As(err, &be) {
			return nil, asUpstream(be)
		}
		return nil, err
	}
	if nulName(data) {
		m.badEnvelope("a member name contains U+0000")
	}
	if m.check(); m.envelope != nil {
		return nil, asUpstream(m.envelope)
	}
	m.note()
	out, err := m.pass()
	if err == nil && m.answersRequest() {
		m.x.Response.Complete = true
	}
	return out, err
}

func (m *serverMessage) message() {
	for name := range m.Object() {
		switch string(name) {
		case "jsonrpc":
			m.version = m.claim()
		case "id":
			m.id = m.Value()
		case "method":
			m.hasMethod = true
			if m.want('"', m.badEnvelope, "method must be a string") {
				m.method = clipClaim(string(m.Text()))
			}
		case "params":
			m.body()
		case "result":
			m.hasResult = true
			m.result()
		case "error":
			m.hasError = true
			m.readError()
		default:
			m.refuseLookalike(name, envelopeNames)
		}
	}
}

func (m *serverMessage) refuseLookalike(name []byte, known []string) {
	if k, ok := lookalike(name, known); ok {
		m.badEnvelope("a member name differs from " + k + " only in case")
	}
}

func (m *serverMessage) check() {
	count := 0
	for _, has := range [...]bool{m.hasMethod, m.hasResult, m.hasError} {
		if has {
			count++
		}
	}
	switch {
	case m.version != "2.0":
		m.badEnvelope(`jsonrpc must be "2.0"`)
	case count != 1:
		m.badEnvelope("a message has one of method, result and error")
	case m.id != nil && m.id[0] != '"' && m.id[0] != '-' && (m.id[0] < '0' || m.id[0] > '9') && !(m.id[0] == 'n' && m.hasError):
		m.badEnvelope("id must be a string or a number")
	case m.hasResult && m.id == nil:
		m.badEnvelope("a result needs an id")
	case m.hasMethod && m.id != nil && modern(m.x):
		m.badEnvelope("a server sends no requests in " + versionModern)
	case len(m.blocks) > maxBlocks:
		m.badEnvelope("the message has more parts than can be judged")
	}
}

// note concludes from a message that is right.
func (m *serverMessage) note() {
	if m.failure != "" {
		m.x.Response.Error = m.failure
	}
	if m.era != "" && m.x.MCP != nil {
		m.x.MCP.ServerEra = m.era
	}
	if m.hasMethod && m.id != nil && m.asks == "" {
		m.wants(m.method)
	}
	m.x.Response.Message = filters.Message{Kind: m.kind(), Method: m.method}
}

// answersRequest tells whether the message is the response that the client waits for.
func (m *serverMessage) answersRequest() bool {
	return m.wanted() && !m.hasMethod && sameID(m.id, m.x.MCP.ID)
}

func (m *serverMessage) kind() string {
	switch {
	case m.hasResult:
		return filters.MessageResult
	case m.hasError:
		return filters.MessageError
	case m.id != nil:
		return filters.MessageRequest
	default:
		return filters.MessageNotification
	}
}

// sameID compares ids by what they mean: a server may escape a string in another way.
func sameID(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if len(a) == 0 || len(b) == 0 || a[0] != '"' || b[0] != '"' {
		return false
	}
	left, errLeft := jsontext.AppendUnquote(nil, a)
	right, errRight := jsontext.AppendUnquote(nil, b)
	return errLeft == nil && errRight == nil && bytes.Equal(left, right)
}

func (m *serverMessage) readError() {
	if !m.want('{', m.badEnvelope, "error must be an object") {
		return
	}
	m.failure = "error" // for want of a code
	for name := range m.Object() {
		switch string(name) {
		case "code":
			if raw := m.Value(); len(raw) > 0 && len(raw) <= 16 && (raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9') {
				m.failure = string(raw)
			}
		case "data":
			m.anything(m.part())
		default:
			m.refuseLookalike(name, errorNames)
			m.part()
		}
	}
}
