package mcp

import (
	"bartizan/filters"
)

// exchange returns what the message says, right or wrong, so that a refusal and its record can name it.
func (m *request) exchange(x *filters.Exchange) *filters.MCP {
	mcp := &filters.MCP{Server: x.Route.Target, Method: m.method, ProtocolVersion: clipClaim(x.Request.Headers[headerVersion])}
	if m.isAnswer() {
		mcp.Method = OperationResponse // its id is one that the server chose: an error under it would answer another request
	} else {
		mcp.ID = m.id
	}
	if m.meta.version != "" {
		mcp.ProtocolVersion = m.meta.version
	} else if m.method == methodInitialize && m.initVersion != "" && mcp.ProtocolVersion != versionModern {
		mcp.ProtocolVersion = m.initVersion
	}
	return mcp
}

// check holds the message against the protocol: first that it is one, then the era's own rules, then the method and its parameters.
func (m *request) check(headers map[string]string) (method, error) {
	if err := m.checkEnvelope(); err != nil {
		return method{}, err
	}
	inModernEra, err := m.checkEra(headers)
	if err != nil {
		return method{}, err
	}
	if m.isAnswer() {
		return method{}, m.checkAnswer(inModernEra)
	}
	is, ok := admitted(m.method, inModernEra)
	if !ok {
		return method{}, &filters.BodyError{Kind: filters.RefusedUnknown, Code: codeMethodNotFound, Message: "method " + m.method + " is not admitted"}
	}
	if err := m.checkID(is); err != nil {
		return method{}, err
	}
	if err := m.checkParams(is, inModernEra); err != nil {
		return method{}, err
	}
	if inModernEra {
		return is, m.checkName(is, headers)
	}
	return is, nil
}

func (m *request) checkEnvelope() error {
	switch {
	case m.envelope != nil:
		return m.envelope
	case m.version != "2.0":
		return malformed(codeInvalidRequest, `jsonrpc must be "2.0"`, "/jsonrpc")
	case m.isAnswer() && m.method != "", m.hasResult && m.hasError:
		return malformed(codeInvalidRequest, "a message has one of method, result and error", "")
	case m.isAnswer():
		return nil
	case m.method == "":
		return malformed(codeInvalidRequest, "the message has no method", "")
	case m.nullID:
		return malformed(codeInvalidRequest, "id must be a string or a whole number", "/id")
	}
	return nil
}

// checkAnswer admits a response to a request of the server, which only the legacy era has.
func (m *request) checkAnswer(inModernEra bool) error {
	switch {
	case inModernEra:
		return malformed(codeInvalidRequest, "a client sends no responses in "+versionModern, "")
	case m.id == nil && !(m.hasError && m.nullID):
		return malformed(codeInvalidRequest, "a response needs an id", "")
	}
	return nil
}

// checkID refuses requests in the dress of a notification: a server may carry them out all the same.
func (m *request) checkID(is method) error {
	switch {
	case is.notification && m.hasID:
		return malformed(codeInvalidRequest, "a notification has no id", "/id")
	case !is.notification && !m.hasID:
		return malformed(codeInvalidRequest, "a request needs an id", "")
	}
	return nil
}

func (m *request) checkParams(is method, inModernEra bool) error {
	switch {
	case m.invalid != nil:
		return m.invalid
	case inModernEra && !is.notification && !m.meta.hasVersion:
		return malformed(codeInvalidParams, "_meta lacks "+metaVersion, "/params/_meta")
	case inModernEra && !is.notification && !m.meta.capabilities:
		return malformed(codeInvalidParams, "_meta lacks "+metaCapabilities, "/params/_meta")
	case is.subject != "" && m.named(is) == "":
		return malformed(codeInvalidParams, "params lacks "+is.by, "/params")
	case m.method == methodInitialize && m.initVersion == "":
		return malformed(codeInvalidParams, "params lacks protocolVersion", "/params")
	}
	return nil
}

// named is what the message names as the subject of its method.
func (m *request) named(is method) string {
	switch is.by {
	case "name":
		return m.name
	case "uri":
		return m.uri
	case "taskId":
		return m.taskID
	case "ref":
		switch m.ref.kind {
		case "ref/prompt":
			return m.ref.name
		case "ref/resource":
			return m.ref.uri
		}
	}
	return ""
}
