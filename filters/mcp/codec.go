package mcp

import (
	"bytes"
	"net/http"
	"slices"

	"bartizan/filters"
	"bartizan/filters/redact"
)

// The operations of MCP.Method that are no methods: the HTTP requests of the legacy era that carry no message (2025-11-25, transports),
// and the message that has none, a response of the client to a request of its server.
const (
	OperationGet      = "GET"      // asks for the server's own messages, or for those that were missed since Last-Event-ID
	OperationDelete   = "DELETE"   // ends a session
	OperationResponse = "response" // answers the server
)

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

// Listens tells whether x asks for what a server has to say by itself: a stream that stays open and may be silent for long.
func Listens(x *filters.Exchange) bool {
	return x.MCP != nil && (x.MCP.Method == OperationGet || x.MCP.Method == methodListen)
}

// DecodeRequest reads one message of a client, or a GET or DELETE of the legacy era. Admitted are the methods of the three revisions
// (see [Methods]), each in its era, and in the legacy era responses. What the gate does not let through is an error too.
// After an error x.MCP is set as far as the message could be read, so that a refusal can carry its id; it stays nil where the body
// is no JSON.
func (c *Codec) DecodeRequest(x *filters.Exchange, body []byte) error {
	server := c.registry.Server(x.Route.Target)
	if err := checkOrigin(&x.Request, server.Origins); err != nil {
		return err
	}
	switch x.Request.Method {
	case http.MethodPost:
		return c.decodeMessage(x, server, body)
	case http.MethodGet, http.MethodDelete:
		return decodeBare(x, server, body)
	default:
		return &filters.BodyError{Kind: filters.RefusedHTTPMethod, Message: "only POST, GET and DELETE are admitted for MCP"}
	}
}

func (c *Codec) decodeMessage(x *filters.Exchange, server Server, body []byte) error {
	m, err := readRequest(body)
	if err != nil {
		return err
	}
	x.MCP = m.exchange(x)
	x.MCP.About = server.About
	is, err := m.check(x.Request.Headers)
	if err != nil {
		return err
	}
	if is.subject == ItemTool {
		x.MCP.Tool = c.tool(x.MCP.Server, m.name)
	}
	m.fill(x, is)
	x.Edits = m.withhold(server.Off)
	return c.admit(x, m.items(is))
}

func (c *Codec) tool(server, name string) filters.MCPTool {
	annotations, ok := c.registry.Tool(server, name)
	if !ok {
		annotations = filters.DefaultToolAnnotations()
	}
	return filters.MCPTool{Name: name, Registered: ok, Annotations: annotations}
}

// admit asks the gate about what the message uses.
func (c *Codec) admit(x *filters.Exchange, items []Item) error {
	if len(items) == 0 {
		return nil
	}
	gate := c.registry.Gate(x)
	for _, item := range items {
		a := gate.Call(item)
		note(x, item, a)
		if err := a.refusal(item); err != nil {
			return err
		}
		x.MCP.Mirrors = append(x.MCP.Mirrors, a.Mirrors...)
	}
	if x.MCP.Era != eraModern {
		return nil
	}
	return checkMirrors(x.Request.Headers, x.MCP.Arguments, x.MCP.Mirrors)
}

// decodeBare admits a GET or a DELETE.
func decodeBare(x *filters.Exchange, server Server, body []byte) error {
	version, method := x.Request.Headers[headerVersion], x.Request.Method
	x.MCP = &filters.MCP{Server: x.Route.Target, Method: method, ProtocolVersion: clipClaim(version), Era: eraLegacy, About: server.About}
	switch {
	case version == versionModern:
		x.MCP.Era = eraModern
		return &filters.BodyError{Kind: filters.RefusedHTTPMethod, Message: versionModern + " has neither sessions nor GET"}
	case version != "" && !known(version):
		return malformed(codeUnsupportedVersion, "the protocol version is not supported", "")
	case len(bytes.TrimSpace(body)) > 0:
		return malformed(codeInvalidRequest, method+" has a body", "")
	case method == OperationDelete && x.Request.Headers[headerSession] == "":
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

// Treat masks what rules want masked, in the headers that repeat it too. There is no notice that could stand in the place of arguments: then the request is refused.
func (c *Codec) Treat(x *filters.Exchange, body []byte, treatments []filters.Treatment) error {
	edits, err := redact.Edits(body, x.Blocks, treatments, func(*filters.Block, string) (filters.Edit, bool) { return filters.Edit{}, false })
	x.Edits = append(x.Edits, edits...)
	slices.SortFunc(x.Edits, func(a, b filters.Edit) int { return a.Start - b.Start })
	if err != nil {
		return err
	}
	return mirrorAgain(x, body)
}
