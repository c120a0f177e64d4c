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

// aggregated is a fleet with an endpoint for all servers: the fakes of both eras, and further ones by name and the rest of their spec.
func aggregated(t *testing.T, servers map[string]string) *world {
	t.Helper()
	w := start(t, env.FleetOptions{})
	files := map[string]string{"gateway.yaml": strings.Replace(w.policies()["gateway.yaml"], "  virtualKeys:", "  mcp: { aggregate: true }\n  virtualKeys:", 1)}
	for name, spec := range servers {
		files[name+".yaml"] = fmt.Sprintf("apiVersion: bartizan/v1\nkind: McpServer\nmetadata: { name: %s }\nspec: { %s }\n", name, spec)
	}
	w.live(t, files)
	return w
}

// three are a server with many pages, a slow one and a dead one.
func three(t *testing.T) map[string]string {
	t.Helper()
	many := mcp.NewServer(&mcp.Implementation{Name: "many", Version: "1"}, &mcp.ServerOptions{PageSize: 10})
	for i := range 35 {
		many.AddTool(&mcp.Tool{Name: fmt.Sprintf("tool%02d", i), InputSchema: json.RawMessage(`{"type":"object"}`)}, say)
	}
	slow := mcp.NewServer(&mcp.Implementation{Name: "slow", Version: "1"}, nil)
	slow.AddTool(&mcp.Tool{Name: "think", InputSchema: json.RawMessage(`{"type":"object"}`)}, say)
	return map[string]string{
		"many": "url: " + serveMCP(t, many, true, 0), "slow": "url: " + serveMCP(t, slow, true, 300*time.Millisecond), "dead": "url: http://127.0.0.1:9/mcp",
	}
}

func say(_ context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "this is " + r.Params.Name}}}, nil
}

// serveMCP serves an SDK server without or with sessions, each answer late by so much.
func serveMCP(t *testing.T, s *mcp.Server, stateless bool, late time.Duration) string {
	t.Helper()
	h := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, &mcp.StreamableHTTPOptions{
		Stateless: stateless, DisableLocalhostProtection: true, PropagateRequestCancellation: true,
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(late) // the server's own time, not the test's
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections() // streams that Envoy still holds
		server.Close()
	})
	return server.URL
}

// TestAggregate: one endpoint for servers of both eras, towards clients of all revisions; each call is judged and recorded where it
// meets its server, and who is not there is missed by name.
func TestAggregate(t *testing.T) {
	w := aggregated(t, three(t))
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
	w := aggregated(t, nil)
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
	w := aggregated(t, nil)
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

// TestAggregateCarriesEverything: what a server of either era has reaches a client of either, questions of the server included.
func TestAggregateCarriesEverything(t *testing.T) {
	older, newer := fake.Everything("old", 3), fake.Everything("new", 3)
	w := aggregated(t, map[string]string{"old": "url: " + serveMCP(t, older, false, 0), "new": "url: " + serveMCP(t, newer, true, 0)})
	for _, version := range []string{"2025-06-18", "2025-11-25", "2026-07-28"} {
		t.Run(version, func(t *testing.T) {
			progress, changed := make(chan string, 4), make(chan bool, 16)
			session := w.endpoint(t, bobKey, version, &mcp.ClientOptions{
				ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
					return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"why": "because"}}, nil
				},
				ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) { progress <- r.Params.Message },
				ToolListChangedHandler:      func(context.Context, *mcp.ToolListChangedRequest) { changed <- true },
			})
			for name, server := range map[string]*mcp.Server{"old": older, "new": newer} {
				w.everything(t, session, name)
				params := &mcp.CallToolParams{Name: name + "__progress"}
				params.SetProgressToken("tok")
				if _, err := session.CallTool(t.Context(), params); err != nil {
					t.Fatal(err)
				}
				if got := <-progress; got != name {
					t.Errorf("progress of %q", got)
				}
				w.hearsOfChange(t, server, changed)
			}
		})
	}
}

// everything uses one of everything of a server.
func (w *world) everything(t *testing.T, session *mcp.ClientSession, server string) {
	t.Helper()
	ctx := t.Context()
	res, err := session.CallTool(ctx, &mcp.CallToolParams{Name: server + "__ask"})
	if err != nil || res.IsError || res.Content[0].(*mcp.TextContent).Text != "accept because" {
		t.Errorf("%s asks: %+v, %v", server, res, err)
	}
	for _, uri := range []string{"x://" + server, "y://7"} {
		r, err := session.ReadResource(ctx, &mcp.ReadResourceParams{URI: server + "+" + uri})
		if err != nil || r.Contents[0].Text != "resource of "+server || r.Contents[0].URI != server+"+"+uri {
			t.Errorf("%s %s: %+v, %v", server, uri, r, err)
		}
	}
	p, err := session.GetPrompt(ctx, &mcp.GetPromptParams{Name: server + "__p"})
	if err != nil || p.Messages[0].Content.(*mcp.TextContent).Text != "prompt of "+server {
		t.Errorf("%s prompt: %+v, %v", server, p, err)
	}
	c, err := session.Complete(ctx, &mcp.CompleteParams{Ref: &mcp.CompleteReference{Type: "ref/prompt", Name: server + "__p"}, Argument: mcp.CompleteParamsArgument{Name: "a", Value: "b"}})
	if err != nil || c.Completion.Values[0] != server {
		t.Errorf("%s completes: %+v, %v", server, c, err)
	}
	prompts, resources := 0, 0
	for prompt, err := range session.Prompts(ctx, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(prompt.Name, server+"__") {
			prompts++
		}
	}
	for resource, err := range session.Resources(ctx, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(resource.URI, server+"+") {
			resources++
		}
	}
	if prompts != 1 || resources != 1 {
		t.Errorf("%s: %d prompts, %d resources", server, prompts, resources)
	}
}

// hearsOfChange changes the tools of a server until the client hears of it: its stream may not stand yet.
func (w *world) hearsOfChange(t *testing.T, server *mcp.Server, changed <-chan bool) {
	t.Helper()
	deadline := time.After(patience)
	for i := 0; ; i++ {
		name := fmt.Sprintf("more%d", i)
		server.AddTool(&mcp.Tool{Name: name, InputSchema: json.RawMessage(`{"type":"object"}`)}, say)
		server.RemoveTools(name)
		select {
		case <-changed:
			return
		case <-time.After(200 * time.Millisecond):
		case <-deadline:
			t.Fatal("no word of the change")
		}
	}
}

// TestAggregateVisibility: a server that the caller may not see is neither listed nor called nor named; of one that he sees, he gets
// what ToolAccess admits.
func TestAggregateVisibility(t *testing.T) {
	url := serveMCP(t, fake.Everything("both", 3), true, 0)
	w := aggregated(t, map[string]string{"erp": `visibleTo: "'platform' in identity.groups", url: ` + url, "docs": "url: " + url})
	w.live(t, map[string]string{"access.yaml": `apiVersion: bartizan/v1
kind: ToolAccess
metadata: { name: docs }
spec: { servers: [docs], kinds: [tools], expression: "mcp.tool.name == 't1'" }
`})
	for _, version := range []string{"2025-11-25", "2026-07-28"} {
		for key, want := range map[string]string{aliceKey: "docs modern warehouse", bobKey: "docs erp modern warehouse"} {
			session := w.endpoint(t, key, version, nil)
			var servers []string
			for tool, err := range session.Tools(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				server, _, _ := strings.Cut(tool.Name, "__")
				servers = append(servers, server)
			}
			slices.Sort(servers)
			if got := strings.Join(slices.Compact(servers), " "); got != want {
				t.Errorf("%s: %s sees %s", version, key, got)
			}
			for tool, reaches := range map[string]bool{"docs__t1": key == bobKey, "docs__t0": false, "erp__t0": key == bobKey} {
				res, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool})
				if got := err == nil && !res.IsError; got != reaches {
					t.Errorf("%s: %s calls %s: %+v, %v", version, key, tool, res, err)
				}
				if tool == "erp__t0" && !reaches && (err == nil || !strings.Contains(err.Error(), "Unknown tool: erp__t0")) {
					t.Errorf("%s: a server that is not to be seen answers %+v, %v", version, res, err)
				}
			}
		}
	}
}
