package aggregate

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// message is one JSON-RPC message.
type message struct {
	id      jsontext.Value // nil: a notification
	method  string         // empty: a response
	params  object         // nil: none
	result  jsontext.Value
	failure jsontext.Value // the error of a response
}

func (m *message) isRequest() bool      { return m.method != "" && m.id != nil }
func (m *message) isNotification() bool { return m.method != "" && m.id == nil }

func readMessage(raw []byte) (*message, error) {
	o, err := parseObject(raw)
	if err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	m := &message{id: o.get("id"), method: o.text("method"), result: o.get("result"), failure: o.get("error")}
	if params := o.get("params"); params != nil && params.Kind() == '{' {
		if m.params, err = parseObject(params); err != nil {
			return nil, fmt.Errorf("read params: %w", err)
		}
	}
	if m.method == "" && (m.result == nil) == (m.failure == nil) {
		return nil, errors.New("read message: want one of method, result and error")
	}
	return m, nil
}

// encode writes the message. A request always has params: some servers want them.
func (m *message) encode() []byte {
	o := object{{"jsonrpc", quote("2.0")}}
	if m.id != nil {
		o.set("id", m.id)
	}
	switch {
	case m.method != "":
		o.set("method", quote(m.method))
		if m.params != nil || m.id != nil {
			o.set("params", m.params.encode())
		}
	case m.failure != nil:
		o.set("error", m.failure)
	default:
		o.set("result", m.result)
	}
	return o.encode()
}

// meta changes params._meta; one that is left without members goes.
func (m *message) meta(change func(meta *object)) {
	meta := m.params.object("_meta")
	change(&meta)
	if len(meta) == 0 {
		m.params.remove("_meta")
		return
	}
	m.params.set("_meta", meta.encode())
}

// Codes of JSON-RPC and MCP errors.
const (
	codeInvalidRequest = -32600
	codeNotFound       = -32601 // the method
	codeInvalidParams  = -32602
	codeInternal       = -32603
)

// rpcError is an error as a client gets it: a server's own, word for word, or one of ours.
type rpcError struct {
	code int
	text string
	raw  jsontext.Value // a server's
}

func (e *rpcError) Error() string { return fmt.Sprintf("%d: %s", e.code, e.text) }

func failure(code int, format string, args ...any) *rpcError {
	return &rpcError{code: code, text: fmt.Sprintf(format, args...)}
}

// readError reads the error member of a response.
func readError(raw jsontext.Value) *rpcError {
	e := &rpcError{code: codeInternal, raw: raw}
	if o, err := parseObject(raw); err == nil {
		e.text = o.text("message")
		if n, err := strconv.Atoi(string(o.get("code"))); err == nil {
			e.code = n
		}
	}
	return e
}

func (e *rpcError) encode() jsontext.Value {
	if e.raw != nil {
		return e.raw
	}
	return object{{"code", jsontext.Value(strconv.Itoa(e.code))}, {"message", quote(e.text)}}.encode()
}

// asError makes any error one that a client can get. What went wrong between us and a server is told by its own words only where it
// is an answer.
func asError(err error) *rpcError {
	var e *rpcError
	if errors.As(err, &e) {
		return e
	}
	return failure(codeInternal, "%v", err)
}
