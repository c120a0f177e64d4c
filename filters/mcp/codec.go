package mcp

import (
	"bytes"
	"net/http"

	"bartizan/filters"
	"bartizan/filters/redact"
)

// OperationDelete is the MCP.Method of the HTTP request that ends a legacy session (2025-11-25, transports, section Session
// Management). It is the one operation without a message, hence named like the HTTP method.
const OperationDelete = "DELETE"

// Codec implements filters.Codec for MCP.
type Codec struct {
	registry Registry
}

var _ filters.Codec = (*Codec)(nil)

// New returns a codec which asks registry about servers and what they offer. A nil registry names no tool and admits everything.
func New(registry Registry) *Codec {
	if registry == nil {
		registry = open{}
	}
	return &Codec{registry: registry}
}

// DecodeRequest reads one message of a client. Admitted are tools/list, tools/call and notifications/cancelled in both eras;
// initialize, notifications/initialized, ping and an HTTP DELETE in the legacy era; server/discover in the modern one.
// After an error x.MCP is set as far as the message could be read, so that a refusal can carry its id; it stays nil where the body
// is no JSON.
func (c *Codec) DecodeRequest(x *filters.Exchange, body []byte) error {
	switch x.Request.Method {
	case http.MethodPost:
		return c.decodeMessage(x, body)
	case http.MethodDelete:
		return c.decodeDelete(x, body)
	default: // GET among them: the stream of a server's own messages is never opened, which 2025-11-25 lets a server answer with 405
		return &filters.BodyError{Kind: filters.RefusedHTTPMethod, Message: "only POST and DELETE are admitted for MCP"}
	}
}

// Treat masks what rules want masked. There is no notice that could stand in the place of arguments: then the request is refused.
func (c *Codec) Treat(x *filters.Exchange, body []byte, treatments []filters.Treatment) (err error) {
	x.Edits, err = redact.Edits(body, x.Blocks, treatments, func(*filters.Block, string) (filters.Edit, bool) { return filters.Edit{}, false })
	return err
}

func (c *Codec) decodeMessage(x *filters.Exchange, body []byte) error {
	m, err := readRequest(body)
	if err != nil {
		return err
	}
	x.MCP = m.exchange(x)
	x.MCP.About = c.registry.Server(x.MCP.Server).About
	if err := m.check(x); err != nil {
		return err
	}
	if x.MCP.Method == methodCall {
		x.MCP.Tool = c.tool(x.MCP.Server, m.name)
	}
	m.fill(x)
	return nil
}

func (c *Codec) tool(server, name string) filters.MCPTool {
	annotations, ok := c.registry.Tool(server, name)
	if !ok {
		annotations = filters.DefaultToolAnnotations()
	}
	return filters.MCPTool{Name: name, Registered: ok, Annotations: annotations}
}

func (c *Codec) decodeDelete(x *filters.Exchange, body []byte) error {
	version := x.Request.Headers[headerVersion]
	x.MCP = &filters.MCP{Server: x.Route.Target, Method: OperationDelete, ProtocolVersion: clipClaim(version)}
	x.MCP.About = c.registry.Server(x.MCP.Server).About
	switch {
	case version == versionModern:
		return &filters.BodyError{Kind: filters.RefusedHTTPMethod, Message: "there are no sessions to end in " + versionModern}
	case version != "" && !known(version):
		return malformed(codeUnsupportedVersion, "the protocol version is not supported", "")
	case len(bytes.TrimSpace(body)) > 0:
		return malformed(codeInvalidRequest, "DELETE has a body", "")
	case x.Request.Headers[headerSession] == "":
		return malformed(codeInvalidRequest, "DELETE names no session", "")
	}
	setSession(x)
	return nil
}

// setSession records the session that the client claims. Of the modern era there is none, and the header is to be ignored.
func setSession(x *filters.Exchange) {
	x.MCP.Session = clipClaim(x.Request.Headers[headerSession])
	if x.Claimed.Session == "" {
		x.Claimed.Session = x.MCP.Session
	}
}
