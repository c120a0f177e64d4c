package mcp

import (
	"bytes"
	"errors"

	"bartizan/filters"

	"github.com/go-json-experiment/json/jsontext"
)

var (
	envelopeNames = []string{"jsonrpc", "id", "method", "params", "result", "error"}
	resultNames   = []string{"content", "structuredContent", "isError", "tools", "instructions", "inputRequests", "_meta", "resultType"}
	errorNames    = []string{"code", "message", "data"}
)

// serverMessage is one message of a server: a response, or in a stream also a notification or, in the legacy era, a request.
type serverMessage struct {
	reader
	*answer
	version   string
	id        []byte
	hasMethod bool
	hasResult bool
	hasError  bool
	failure   string // what Response.Error becomes
}

// read reads one message strictly, notes what it says in the exchange, and refuses what is no message.
func (a *answer) read(data []byte) error {
	a.decoder.Reset(data)
	m := &serverMessage{reader: reader{Decoder: &a.decoder}, answer: a}
	if m.want('{', m.badEnvelope, "want one JSON-RPC message, an object") {
		m.message()
	}
	if err := m.End(); err != nil {
		var be *filters.BodyError
		if errors.As(err, &be) {
			return asUpstream(be)
		}
		return err
	}
	if nulName(data) {
		m.badEnvelope("a member name contains U+0000")
	}
	if m.check(); m.envelope != nil {
		return asUpstream(m.envelope)
	}
	m.note()
	return nil
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
			m.want('"', m.badEnvelope, "method must be a string")
		case "params":
			m.content.aside(m.Decoder, "/params")
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
	}
}

// note concludes from a message that is right.
func (m *serverMessage) note() {
	if m.failure != "" {
		m.x.Response.Error = m.failure
	}
	if m.wanted() && !m.hasMethod && sameID(m.id, m.x.MCP.ID) {
		m.x.Response.Complete = true
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
		case "message", "data":
			m.content.value(m.Decoder, filters.OriginToolResult, "/error/"+string(name))
		default:
			m.refuseLookalike(name, errorNames)
		}
	}
}
