package fake

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// MCPOptions configure a fake MCP server.
type MCPOptions struct {
	// Token is what a request must present as Authorization: Bearer, and no other. Without a Token all are refused.
	Token string
	// Accept, where set, decides about the token in place of Token.
	Accept func(token string) bool
	// Listen is a loopback host:port; empty: any free port of 127.0.0.1.
	Listen string
	// JSON makes it answer with application/json; else every answer is a stream of server-sent events.
	JSON bool
	// Stateless makes it speak revision 2026-07-28, and the older ones without sessions. Else it speaks 2025-11-25 and older
	// with sessions, and refuses 2026-07-28 with the list of what it speaks, so that a client falls back.
	Stateless bool
	// Result, where set, writes the text that a tool answers: for poisoned results. Empty: the tool's own answer.
	Result func(MCPCall) string
	// Describe, where set, writes the description of a tool at each new server session (Stateless: at each request): for
	// definitions that change after they were approved.
	Describe func(tool string) string
	// Server, where set, makes the server of a session in place of the warehouse.
	Server func() *mcp.Server
	// Replay makes it keep the events of its streams, for clients that come back for what they missed.
	Replay bool
}

// MCPCall is one call of a tool as it reached the server.
type MCPCall struct {
	Tool      string
	Arguments json.RawMessage
	Meta      map[string]any // params._meta
	Session   string         // empty without sessions
}

// MCP is a fake MCP server of a data warehouse, on the official Go SDK: the tools query_sales (which only reads) and
// update_sales (which writes), the resource sales://2026 and the prompt summarize, at MCPPath.
type MCP struct {
	*Server
	Recorder
	opts  MCPOptions
	mu    sync.Mutex
	calls []MCPCall
}

// MCPPath is where the fake MCP server answers.
const MCPPath = "/mcp"

// maxCalls bounds the calls kept; later ones are answered and not kept.
const maxCalls = 10_000

// StartMCP starts a fake MCP server. It runs until ctx ends or Close.
func StartMCP(ctx context.Context, o MCPOptions) (*MCP, error) {
	m := &MCP{opts: o}
	options := &mcp.StreamableHTTPOptions{
		Stateless: o.Stateless, JSONResponse: o.JSON,
		DisableLocalhostProtection: true, // a gateway sends the server's public name as host
		MaxRequestBodyBytes:        maxBody,
	}
	if o.Replay {
		options.EventStore = mcp.NewMemoryEventStore(nil)
	}
	server := m.warehouse
	if o.Server != nil {
		server = o.Server
	}
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server() }, options)
	s, err := serve(ctx, o.Listen, m.record(m.guard(handler)))
	m.Server = s
	return m, err
}

// Calls returns the calls of tools, in order of arrival.
func (m *MCP) Calls() []MCPCall {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]MCPCall(nil), m.calls...)
}

// guard wants the token, and the one path.
func (m *MCP) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := r.Header.Values("Authorization")
		switch {
		case len(got) != 1 || !m.accepts(strings.TrimPrefix(got[0], "Bearer ")):
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			http.Error(w, "invalid token", http.StatusUnauthorized)
		case r.URL.Path != MCPPath:
			http.NotFound(w, r)
		default:
			h.ServeHTTP(w, r)
		}
	})
}

func (m *MCP) accepts(token string) bool {
	if m.opts.Accept != nil {
		return m.opts.Accept(token)
	}
	return m.opts.Token != "" && token == m.opts.Token
}

// warehouse makes the server of one session.
func (m *MCP) warehouse() *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "fake-warehouse", Version: "1.0.0"}, nil)
	no, yes := false, true
	s.AddTool(&mcp.Tool{
		Name: "query_sales", Description: m.describe("query_sales", "Reads the sales of a region."),
		InputSchema: json.RawMessage(`{"type":"object","properties":{"region":{"type":"string"}},"required":["region"]}`),
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true, DestructiveHint: &no, OpenWorldHint: &no},
	}, m.tool(`[{"region":"EU","quarter":"2026-Q3","amount":1250000},{"region":"EU","quarter":"2026-Q2","amount":1100000}]`))
	s.AddTool(&mcp.Tool{
		Name: "update_sales", Description: m.describe("update_sales", "Overwrites the sales of a region."),
		InputSchema: json.RawMessage(`{"type":"object","properties":{"region":{"type":"string"},"amount":{"type":"number"}},"required":["region","amount"]}`),
		Annotations: &mcp.ToolAnnotations{DestructiveHint: &yes, IdempotentHint: true, OpenWorldHint: &no},
	}, m.tool(`1 row updated`))
	s.AddResource(&mcp.Resource{URI: "sales://2026", Name: "sales-2026", MIMEType: "text/csv"}, readSales)
	s.AddPrompt(&mcp.Prompt{Name: "summarize", Description: "Summarizes the sales."}, summarize)
	return s
}

func (m *MCP) describe(tool, otherwise string) string {
	if m.opts.Describe == nil {
		return otherwise
	}
	return m.opts.Describe(tool)
}

// tool keeps the call and answers it with text, or with what Result says.
func (m *MCP) tool(text string) mcp.ToolHandler {
	return func(_ context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		call := MCPCall{Tool: r.Params.Name, Arguments: r.Params.Arguments, Meta: r.Params.Meta, Session: r.Session.ID()}
		m.keep(call)
		answer := text
		if m.opts.Result != nil {
			if other := m.opts.Result(call); other != "" {
				answer = other
			}
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: answer}}}, nil
	}
}

func (m *MCP) keep(c MCPCall) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.calls) < maxCalls {
		m.calls = append(m.calls, c)
	}
}

func readSales(_ context.Context, r *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
	return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{
		{URI: r.Params.URI, MIMEType: "text/csv", Text: "region,amount\nEU,1250000\n"},
	}}, nil
}

func summarize(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	text := "Summarize the sales of 2026."
	return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{{Role: "user", Content: &mcp.TextContent{Text: text}}}}, nil
}
