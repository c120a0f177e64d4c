package fake_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"bartizan/test/fake"
	"bartizan/test/fake/faketest"
)

// bearer adds the token, which the SDK's transport has no field for, and notes the media types of the answers to POST.
type bearer struct {
	token string
	mu    sync.Mutex
	media map[string]bool
}

func (b *bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && r.Method == http.MethodPost && resp.StatusCode == http.StatusOK {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.media[resp.Header.Get("Content-Type")] = true
	}
	return resp, err
}

func connect(ctx context.Context, m *fake.MCP, token, revision string) (*mcp.ClientSession, error) {
	return connectBy(ctx, m, &bearer{token: token, media: map[string]bool{}}, revision)
}

func connectBy(ctx context.Context, m *fake.MCP, by *bearer, revision string) (*mcp.ClientSession, error) {
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	transport := &mcp.StreamableClientTransport{
		Endpoint: m.URL() + fake.MCPPath, HTTPClient: &http.Client{Transport: by},
		MaxRetries: -1, DisableStandaloneSSE: true,
	}
	return client.Connect(ctx, transport, &mcp.ClientSessionOptions{ProtocolVersion: revision})
}

func TestMCP(t *testing.T) {
	for _, c := range []struct {
		name                 string
		options              fake.MCPOptions
		ask, revision, media string
	}{
		{"newest, events", fake.MCPOptions{Stateless: true}, "", "2026-07-28", "text/event-stream"},
		{"newest, json", fake.MCPOptions{Stateless: true, JSON: true}, "", "2026-07-28", "application/json"},
		{"sessions, events", fake.MCPOptions{}, "2025-11-25", "2025-11-25", "text/event-stream"},
		{"sessions, json", fake.MCPOptions{JSON: true}, "2025-11-25", "2025-11-25", "application/json"},
		{"falls back to sessions", fake.MCPOptions{JSON: true}, "", "2025-11-25", "application/json"},
		{"older without sessions", fake.MCPOptions{Stateless: true, JSON: true}, "2025-06-18", "2025-06-18", "application/json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.options.Token = "upstream"
			m := faketest.MCP(t, c.options)
			by := &bearer{token: "upstream", media: map[string]bool{}}
			s, err := connectBy(t.Context(), m, by, c.ask)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if got := s.InitializeResult().ProtocolVersion; got != c.revision {
				t.Errorf("speaks %s, want %s", got, c.revision)
			}
			checkTools(t, s)
			checkCall(t, m, s)
			if d := cmp.Diff(map[string]bool{c.media: true}, by.media); d != "" {
				t.Errorf("media types of the answers: %s", d)
			}
			if got := s.ID() != ""; got == c.options.Stateless {
				t.Errorf("session id %q", s.ID())
			}
		})
	}
}

func checkTools(t *testing.T, s *mcp.ClientSession) {
	t.Helper()
	list, err := s.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, tool := range list.Tools {
		got[tool.Name] = tool.Annotations.ReadOnlyHint
	}
	if d := cmp.Diff(map[string]bool{"query_sales": true, "update_sales": false}, got); d != "" {
		t.Errorf("tools and whether they only read: %s", d)
	}
}

func checkCall(t *testing.T, m *fake.MCP, s *mcp.ClientSession) {
	t.Helper()
	result, err := s.CallTool(t.Context(), &mcp.CallToolParams{
		Name: "update_sales", Arguments: map[string]any{"region": "EU", "amount": 1},
		Meta: mcp.Meta{"claudecode/toolUseId": "toolu_1"},
	})
	if err != nil || result.IsError {
		t.Fatalf("got %v, %v", result, err)
	}
	if text := result.Content[0].(*mcp.TextContent).Text; text != "1 row updated" {
		t.Errorf("got %q", text)
	}
	calls := m.Calls()
	if len(calls) != 1 || calls[0].Tool != "update_sales" || calls[0].Meta["claudecode/toolUseId"] != "toolu_1" {
		t.Errorf("calls %+v", calls)
	}
	if got := string(calls[0].Arguments); got != `{"amount":1,"region":"EU"}` {
		t.Errorf("arguments %s", got)
	}
}

func TestMCPResourceAndPrompt(t *testing.T) {
	m := faketest.MCP(t, fake.MCPOptions{Token: "upstream", Stateless: true})
	s, err := connect(t.Context(), m, "upstream", "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "sales://2026"})
	if err != nil || r.Contents[0].Text == "" {
		t.Errorf("got %v, %v", r, err)
	}
	p, err := s.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: "summarize"})
	if err != nil || len(p.Messages) != 1 {
		t.Errorf("got %v, %v", p, err)
	}
}

func TestMCPTokenRequired(t *testing.T) {
	for _, c := range []struct{ want, present string }{{"upstream", "other"}, {"", ""}} {
		m := faketest.MCP(t, fake.MCPOptions{Token: c.want})
		if s, err := connect(t.Context(), m, c.present, ""); err == nil {
			s.Close()
			t.Errorf("token %q was let in, want %q", c.present, c.want)
		}
		if n := len(m.Requests()); n == 0 {
			t.Error("the refused request was not recorded")
		}
	}
}

// A server may turn: its results and its definitions can change under an approved name.
func TestMCPTurns(t *testing.T) {
	m := faketest.MCP(t, fake.MCPOptions{
		Token: "upstream", Stateless: true,
		Result:   func(c fake.MCPCall) string { return "fake: tool:update_sales" },
		Describe: func(tool string) string { return "evil " + tool },
	})
	s, err := connect(t.Context(), m, "upstream", "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "query_sales", Arguments: map[string]any{"region": "EU"}})
	if err != nil || r.Content[0].(*mcp.TextContent).Text != "fake: tool:update_sales" {
		t.Errorf("got %v, %v", r, err)
	}
	list, err := s.ListTools(t.Context(), nil)
	if err != nil || list.Tools[0].Description != "evil query_sales" {
		t.Errorf("got %v, %v", list, err)
	}
}
