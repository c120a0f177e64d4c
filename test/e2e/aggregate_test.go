package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"bartizan/extproc/audit/tail"
	"bartizan/test/env"
	"bartizan/test/fake"
)

// endpoint is a client of the endpoint for all servers.
func (w *world) endpoint(t *testing.T, key, version string, o *mcp.ClientOptions) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "e2e", Version: "1"}, o)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: w.URL + "/mcp", HTTPClient: &http.Client{Transport: bearer(key)},
	}, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session
}

// aggregated is a fleet with an endpoint for all servers: the fakes of both eras, one with many pages, a slow one and a dead one.
func aggregated(t *testing.T) *world {
	t.Helper()
	w := start(t, env.FleetOptions{})
	many := mcp.NewServer(&mcp.Implementation{Name: "many", Version: "1"}, &mcp.ServerOptions{PageSize: 10})
	for i := range 35 {
		many.AddTool(&mcp.Tool{Name: fmt.Sprintf("tool%02d", i), InputSchema: json.RawMessage(`{"type":"object"}`)}, say)
	}
	slow := mcp.NewServer(&mcp.Implementation{Name: "slow", Version: "1"}, nil)
	slow.AddTool(&mcp.Tool{Name: "think", InputSchema: json.RawMessage(`{"type":"object"}`)}, say)
	servers := map[string]string{
		"many": serveMCP(t, many, 0), "slow": serveMCP(t, slow, 300*time.Millisecond), "dead": "http://127.0.0.1:9/mcp",
	}
	files := map[string]string{"gateway.yaml": strings.Replace(w.policies()["gateway.yaml"], "  virtualKeys:", "  mcp: { aggregate: true }\n  virtualKeys:", 1)}
	for name, url := range servers {
		files[name+".yaml"] = fmt.Sprintf("apiVersion: bartizan/v1\nkind: McpServer\nmetadata: { name: %s }\nspec: { url: %s }\n", name, url)
	}
	w.live(t, files)
	return w
}

func say(_ context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "this is " + r.Params.Name}}}, nil
}

// serveMCP serves an SDK server without sessions, each answer late by so much.
func serveMCP(t *testing.T, s *mcp.Server, late time.Duration) string {
	t.Helper()
	h := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, &mcp.StreamableHTTPOptions{Stateless: true, DisableLocalhostProtection: true})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(late) // the server's own time, not the test's
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestAggregate: one endpoint for servers of both eras, towards clients of all revisions; each call is judged and recorded where it
// meets its server, and who is not there is missed by name.
func TestAggregate(t *testing.T) {
	w := aggregated(t)
	for _, version := range []string{"2025-06-18", "2025-11-25", "2026-07-28"} {
		t.Run(version, func(t *testing.T) {
			session := w.endpoint(t, aliceKey, version, nil)
			if got := session.InitializeResult().ProtocolVersion; got != version {
				t.Fatalf("speaks %s", got)
			}
			first, err := session.ListTools(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(fmt.Sprint(first.Meta["bartizan/absent"]), "server:dead") {
				t.Errorf("nothing says that a server is missing: %v", first.Meta)
			}
			count := map[string]int{}
			for tool, err := range session.Tools(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				server, _, _ := strings.Cut(tool.Name, "__")
				count[server]++
			}
			if want := "map[many:35 modern:2 slow:1 warehouse:2]"; fmt.Sprint(count) != want {
				t.Errorf("tools %v, want %s", count, want)
			}
			for tool, want := range map[string]string{"warehouse__query_sales": "1250000", "modern__query_sales": "1250000", "many__tool34": "this is tool34", "slow__think": "this is think"} {
				res, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: map[string]any{"region": "EU"}})
				readOnly := strings.HasSuffix(tool, "query_sales") // a rule keeps alice from tools that the registry does not call so
				switch {
				case err != nil || res.IsError == readOnly:
					t.Errorf("%s: %+v, %v", tool, res, err)
				case readOnly && !strings.Contains(res.Content[0].(*mcp.TextContent).Text, want):
					t.Errorf("%s: %+v", tool, res)
				case !readOnly && !strings.Contains(res.Content[0].(*mcp.TextContent).Text, "tools/read-only"):
					t.Errorf("%s is refused with %+v", tool, res.Content[0])
				}
			}
			w.oneCall(t, version)
		})
	}
	w.neverSeen(t)
}

// oneCall looks for the two records of one call: at the endpoint, and under the same caller at the server.
func (w *world) oneCall(t *testing.T, version string) {
	t.Helper()
	inner := w.recordWhere(t, "the refused call at its server", func(e tail.Event) bool {
		own := e.Own()
		return own.Outcome == "deny" && own.MCP.Tool == "think" && e.API.Service.Name == "slow" && own.Parent != ""
	})
	outer := w.decision(t, inner.Own().Parent)
	for _, e := range []tail.Event{inner, outer} {
		if e.Actor.User.Name != "alice@example.com" {
			t.Errorf("%s: record of %q: %s", version, e.Actor.User.Name, e.Raw)
		}
		noCallerKey(t, e)
	}
	if outer.Own().Outcome != "allow" || outer.Own().MCP.Tool != "slow__think" {
		t.Errorf("record at the endpoint: %s", outer.Raw)
	}
}

// neverSeen: no server sees a caller's key, nor the seal that stands for it.
func (w *world) neverSeen(t *testing.T) {
	t.Helper()
	for _, server := range []*fake.MCP{w.warehouse, w.modern} {
		requests := server.Requests()
		if len(requests) == 0 {
			t.Error("a server saw nothing")
		}
		for _, r := range requests {
			for name, values := range r.Header {
				if all := strings.Join(values, ","); strings.Contains(all, aliceKey) || strings.HasPrefix(strings.ToLower(name), "x-bartizan-") {
					t.Fatalf("a server sees %s: %s", name, all)
				}
			}
		}
	}
}

// TestAggregateWantsACaller: who has no key gets no further, and a seal of one's own making opens nothing.
func TestAggregateWantsACaller(t *testing.T) {
	w := aggregated(t)
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` + modernMeta + `}}`
	for _, path := range []string{"/mcp", "/mcp/modern"} {
		req := w.post(t, path, "", body)
		req.Header.Set("mcp-protocol-version", "2026-07-28")
		req.Header.Set("mcp-method", "tools/list")
		req.Header.Set("x-bartizan-caller", "alice")
		if a := call(t, req); a.status != http.StatusForbidden || !strings.Contains(a.body, "carries no key") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// TestAggregateLatency says what the endpoint adds to a call; it fails only where that is absurd.
func TestAggregateLatency(t *testing.T) {
	w := aggregated(t)
	direct := w.mcpSession(t, "modern", bobKey)
	merged := w.endpoint(t, bobKey, "2026-07-28", nil)
	median := func(s *mcp.ClientSession, tool string) time.Duration {
		var took []time.Duration
		for range 60 {
			began := time.Now()
			if res, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: map[string]any{"region": "EU"}}); err != nil || res.IsError {
				t.Fatalf("%+v, %v", res, err)
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return took[len(took)/2]
	}
	a, b := median(direct, "query_sales"), median(merged, "modern__query_sales")
	t.Logf("p50 of a tools/call: %v at its server's endpoint, %v at the endpoint for all", a, b)
	if b > a+time.Second {
		t.Errorf("the endpoint for all servers adds %v", b-a)
	}
}
