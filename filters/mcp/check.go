package mcp

import "bartizan/filters"

// exchange returns what the message says, right or wrong, so that a refusal and its record can name it.
func (m *request) exchange(x *filters.Exchange) *filters.MCP {
	mcp := &filters.MCP{Server: x.Route.Target, Method: m.method, ProtocolVersion: clipClaim(x.Request.Headers[headerVersion])}
	if !m.answer { // the id of a response is one that the server chose: an error under it would answer another request
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
func (m *request) check(x *filters.Exchange) error {
	if err := m.checkEnvelope(); err != nil {
		return err
	}
	inModernEra, err := m.checkEra(x.Request.Headers)
	if err != nil {
		return err
	}
	if !admitted(m.method, inModernEra) {
		return &filters.BodyError{Kind: filters.RefusedUnknown, Code: codeMethodNotFound, Message: "method " + m.method + " is not admitted"}
	}
	if err := m.checkID(); err != nil {
		return err
	}
	return m.checkParams(inModernEra)
}

func (m *request) checkEnvelope() error {
	switch {
	case m.envelope != nil:
		return m.envelope
	case m.version != "2.0":
		return malformed(codeInvalidRequest, `jsonrpc must be "2.0"`, "/jsonrpc")
	case m.answer && m.method != "":
		return malformed(codeInvalidRequest, "a message is a request or a response, not both", "")
	case m.answer:
		return &filters.BodyError{Kind: filters.RefusedUnknown, Code: codeInvalidRequest, Message: "a response of the client to its server is not admitted"}
	case m.method == "":
		return malformed(codeInvalidRequest, "the message has no method", "")
	}
	return nil
}

// checkID refuses requests in the dress of a notification: a server may carry them out all the same.
func (m *request) checkID() error {
	switch {
	case isNotification(m.method) && m.hasID:
		return malformed(codeInvalidRequest, "a notification has no id", "/id")
	case !isNotification(m.method) && !m.hasID:
		return malformed(codeInvalidRequest, "a request needs an id", "")
	}
	return nil
}

func (m *request) checkParams(inModernEra bool) error {
	switch {
	case m.params != nil:
		return m.params
	case inModernEra && !isNotification(m.method) && !m.meta.capabilities:
		return malformed(codeInvalidParams, "_meta lacks "+metaCapabilities, "/params/_meta")
	case m.method == methodCall && m.name == "":
		return malformed(codeInvalidParams, "params lacks the name of a tool", "/params")
	case m.method == methodInitialize && m.initVersion == "":
		return malformed(codeInvalidParams, "params lacks a protocolVersion", "/params")
	}
	return nil
}

// fill writes what holds once the message is known to be right.
func (m *request) fill(x *filters.Exchange) {
	x.MCP.ToolUseID = m.meta.toolUseID
	if !modern(x) {
		setSession(x)
	}
	m.fillClient(x)
	if x.MCP.Method != methodCall {
		return
	}
	x.MCP.Arguments = m.arguments.raw
	m.fillBlock(x, m.arguments, filters.OriginAssistant, "/params/arguments")
	m.fillBlock(x, m.inputResponses, filters.OriginUser, "/params/inputResponses")
}

func (m *request) fillClient(x *filters.Exchange) {
	client := m.meta.client
	if x.MCP.Method == methodInitialize {
		client = m.client
	}
	if client.name == "" {
		return
	}
	x.MCP.Client, x.MCP.ClientVersion = client.name, client.version
	x.Claimed.Client, x.Claimed.ClientVersion = client.name, client.version
}

func (m *request) fillBlock(x *filters.Exchange, v value, origin filters.Origin, pointer string) {
	if v.raw == nil {
		return
	}
	x.Blocks = append(x.Blocks, filters.Block{
		Role: string(origin), Origin: origin, MediaType: "application/json", Pointer: pointer, Name: m.name, Data: v.raw, Start: v.start, End: v.end,
	})
}
