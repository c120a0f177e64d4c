package aggregate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/prometheus/client_golang/prometheus"

	"bartizan/extproc/aggregate"
	"bartizan/extproc/sealed"
	"bartizan/filters"
	"bartizan/test/fake"
)

const (
	legacy = "2025-11-25"
	modern = "2026-07-28"
)

// world is the service with servers behind it. The gate stands for Envoy and extproc: it opens the seal and hands on to the server.
type world struct {
	*aggregate.Service
	url     string
	key     *sealed.Key
	mu      sync.Mutex
	servers map[string]http.Handler
	callers []string // who was behind each request that came to the gate
}

func newWorld(t *testing.T, servers map[string]http.Handler, change ...func(*aggregate.Config)) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "bz")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := &world{key: sealed.NewKey(), servers: servers}
	l, err := net.Listen("unix", filepath.Join(dir, "gate.sock"))
	if err != nil {
		t.Fatal(err)
	}
	gate := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(w.gate)}}
	gate.Start()
	t.Cleanup(gate.Close)
	var names []string
	for name := range servers {
		names = append(names, name)
	}
	slices.Sort(names)
	conf := aggregate.Config{
		Gate: "unix:" + filepath.Join(dir, "gate.sock"), Sealed: w.key, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
		Servers: func(sealed.Caller) []string { return names },
	}
	for _, f := range change {
		f(&conf)
	}
	w.Service = aggregate.New(conf)
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- w.Serve(front) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		w.Drain(ctx)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	w.url = "http://" + front.Addr().String() + "/mcp"
	return w
}

func (w *world) gate(rw http.ResponseWriter, r *http.Request) {
	c, ok := w.key.OpenCaller(sealed.ToGate, r.Header.Get(sealed.CallerHeader), time.Now())
	server := w.servers[strings.TrimPrefix(r.URL.Path, "/mcp/")]
	if !ok || server == nil || r.Header.Get("authorization") != "" {
		http.Error(rw, "no", http.StatusServiceUnavailable)
		return
	}
	w.mu.Lock()
	w.callers = append(w.callers, c.Identity.User+" "+c.Exchange+" "+r.Method+" "+r.URL.Path)
	w.mu.Unlock()
	server.ServeHTTP(rw, r)
}

// as speaks for one caller, in the place of extproc.
type as struct {
	w    *world
	user string
}

func (a as) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	c := sealed.Caller{Identity: filters.Identity{Method: "virtual_key", User: a.user, Key: a.user}, Exchange: "x-" + a.user}
	r.Header.Set(sealed.CallerHeader, a.w.key.SealCaller(sealed.ToAggregator, c, time.Now()))
	return http.DefaultTransport.RoundTrip(r)
}

func (w *world) connect(t *testing.T, version string, o *mcp.ClientOptions) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, o)
	s, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: w.url, HTTPClient: &http.Client{Transport: as{w, "alice"}}, MaxRetries: -1,
	}, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if got := s.InitializeResult().ProtocolVersion; got != version {
		t.Fatalf("the endpoint speaks %s, want %s", got, version)
	}
	return s
}

// post sends one message as it stands.
func (w *world) post(t *testing.T, user, body string, headers ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := as{w, user}.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

// handler serves one SDK server in one era.
func handler(s *mcp.Server, era string) http.Handler {
	return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, &mcp.StreamableHTTPOptions{
		Stateless: era == modern, DisableLocalhostProtection: true, PropagateRequestCancellation: true,
	})
}

func text(t *testing.T, r *mcp.CallToolResult, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if r.IsError || len(r.Content) == 0 {
		t.Fatalf("result %+v", r)
	}
	return r.Content[0].(*mcp.TextContent).Text
}

// both plays a test with a client of each era.
func both(t *testing.T, test func(t *testing.T, version string)) {
	for _, version := range []string{"2025-06-18", legacy, modern} {
		t.Run(version, func(t *testing.T) { test(t, version) })
	}
}

func twoServers() map[string]http.Handler {
	return map[string]http.Handler{"old": handler(fake.Everything("old", 5), legacy), "new": handler(fake.Everything("new", 1), modern)}
}

func TestListsAreMergedPageByPage(t *testing.T) {
	servers := twoServers()
	servers["dead"] = nil
	w := newWorld(t, servers)
	both(t, func(t *testing.T, version string) {
		s := w.connect(t, version, nil)
		if in := s.InitializeResult().Instructions; !strings.Contains(in, "# new\n\nBe kind to new.") || !strings.Contains(in, "# old\n\nBe kind to old.") {
			t.Errorf("instructions %q", in)
		}
		var names []string
		pages := 0
		for cursor := ""; pages == 0 || cursor != ""; pages++ {
			l, err := s.ListTools(t.Context(), &mcp.ListToolsParams{Cursor: cursor})
			if err != nil {
				t.Fatal(err)
			}
			for _, tool := range l.Tools {
				names = append(names, tool.Name)
			}
			if pages == 0 && !strings.Contains(fmt.Sprint(l.Meta["bartizan/absent"]), "server:dead") {
				t.Errorf("nothing says that a server is missing: %v", l.Meta)
			}
			if version == modern && l.CacheScope != "private" {
				t.Errorf("cache scope %q", l.CacheScope)
			}
			cursor = l.NextCursor
		}
		slices.Sort(names)
		want := []string{"new__ask", "new__progress", "new__t0", "new__wait", "old__ask", "old__progress", "old__t0", "old__t1", "old__t2", "old__t3", "old__t4", "old__wait"}
		if !slices.Equal(names, want) || pages != 4 {
			t.Errorf("%d pages, tools %v", pages, names)
		}
		prompts, err := s.ListPrompts(t.Context(), nil)
		if err != nil || len(prompts.Prompts) != 2 || prompts.Prompts[0].Name != "new__p" {
			t.Errorf("prompts %+v, %v", prompts, err)
		}
		resources, err := s.ListResources(t.Context(), nil)
		if err != nil || len(resources.Resources) != 2 || resources.Resources[1].URI != "old+x://old" {
			t.Errorf("resources %+v, %v", resources, err)
		}
		templates, err := s.ListResourceTemplates(t.Context(), nil)
		if err != nil || len(templates.ResourceTemplates) != 2 || templates.ResourceTemplates[1].URITemplate != "old+y://{id}" {
			t.Errorf("templates %+v, %v", templates, err)
		}
		_, err = s.ListTools(t.Context(), &mcp.ListToolsParams{Cursor: "forged"})
		if err == nil || !strings.Contains(err.Error(), "cursor") {
			t.Errorf("a forged cursor: %v", err)
		}
	})
}

func TestRequestsFindTheirServer(t *testing.T) {
	w := newWorld(t, twoServers())
	both(t, func(t *testing.T, version string) {
		progress := make(chan string, 4)
		s := w.connect(t, version, &mcp.ClientOptions{ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) { progress <- r.Params.Message }})
		for _, server := range []string{"old", "new"} {
			res, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: server + "__t0"})
			if got := text(t, res, err); got != server+" t0" {
				t.Errorf("%s says %q", server, got)
			}
			if link, ok := res.Content[1].(*mcp.ResourceLink); !ok || link.URI != server+"+x://"+server {
				t.Errorf("link %+v", res.Content[1])
			}
			for _, uri := range []string{"x://" + server, "y://7"} {
				r, err := s.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: server + "+" + uri})
				if err != nil || r.Contents[0].Text != "resource of "+server || r.Contents[0].URI != server+"+"+uri {
					t.Errorf("read %s: %+v, %v", uri, r, err)
				}
			}
			p, err := s.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: server + "__p"})
			if err != nil || p.Messages[0].Content.(*mcp.TextContent).Text != "prompt of "+server {
				t.Errorf("prompt %+v, %v", p, err)
			}
			for _, ref := range []*mcp.CompleteReference{{Type: "ref/prompt", Name: server + "__p"}, {Type: "ref/resource", URI: server + "+y://{id}"}} {
				c, err := s.Complete(t.Context(), &mcp.CompleteParams{Ref: ref, Argument: mcp.CompleteParamsArgument{Name: "a", Value: "b"}})
				if err != nil || c.Completion.Values[0] != server || strings.Contains(c.Completion.Values[1], server) {
					t.Errorf("completion %+v, %v", c, err)
				}
			}
			params := &mcp.CallToolParams{Name: server + "__progress"}
			params.SetProgressToken("tok")
			if _, err := s.CallTool(t.Context(), params); err != nil {
				t.Error(err)
			}
			if got := <-progress; got != server {
				t.Errorf("progress of %q", got)
			}
		}
		for _, name := range []string{"t0", "other__t0", "old__", "__t0", "old__nothing"} {
			if _, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: name}); err == nil || !strings.Contains(err.Error(), "nknown tool") {
				t.Errorf("tool %q: %v", name, err)
			}
		}
	})
	for _, c := range w.callers {
		if !strings.HasPrefix(c, "alice x-alice ") {
			t.Fatalf("a request came to the gate for %q", c)
		}
	}
}

// TestServersAskClients in all four combinations of eras.
func TestServersAskClients(t *testing.T) {
	w := newWorld(t, twoServers())
	both(t, func(t *testing.T, version string) {
		s := w.connect(t, version, &mcp.ClientOptions{ElicitationHandler: func(_ context.Context, r *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			if r.Params.Message != "May I?" {
				return nil, fmt.Errorf("asked %q", r.Params.Message)
			}
			return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"why": "because"}}, nil
		}})
		for _, server := range []string{"old", "new"} {
			res, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: server + "__ask"})
			if got := text(t, res, err); got != "accept because" {
				t.Errorf("%s heard %q", server, got)
			}
		}
	})
}

// TestAbsentCapability: a client that cannot be asked is not.
func TestAbsentCapability(t *testing.T) {
	w := newWorld(t, twoServers())
	both(t, func(t *testing.T, version string) {
		s := w.connect(t, version, nil)
		res, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "old__ask"})
		if err == nil && !res.IsError {
			t.Errorf("result %+v", res)
		}
	})
}

func TestNotificationsAreMerged(t *testing.T) {
	both(t, func(t *testing.T, version string) {
		older, newer := fake.Everything("old", 1), fake.Everything("new", 1)
		w := newWorld(t, map[string]http.Handler{"old": handler(older, legacy), "new": handler(newer, modern)})
		changed := make(chan bool, 16)
		w.connect(t, version, &mcp.ClientOptions{ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) { changed <- true }})
		for i, s := range []*mcp.Server{older, newer} {
			deadline := time.After(20 * time.Second)
			for heard := false; !heard; i++ { // the stream may not stand yet
				s.AddTool(&mcp.Tool{Name: fmt.Sprintf("more%d", i), InputSchema: json.RawMessage(`{"type":"object"}`)}, nil)
				select {
				case <-changed:
					heard = true
				case <-time.After(200 * time.Millisecond):
				case <-deadline:
					t.Fatalf("server %d: no word of the change", i)
				}
			}
		}
	})
}

func TestCancelledCallEnds(t *testing.T) {
	w := newWorld(t, twoServers())
	both(t, func(t *testing.T, version string) {
		s := w.connect(t, version, nil)
		for _, server := range []string{"old", "new"} {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			_, err := s.CallTool(ctx, &mcp.CallToolParams{Name: server + "__wait"})
			cancel()
			if err == nil {
				t.Errorf("%s: a call that was cancelled has a result", server)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

const modernMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`

// echo answers as a server without sessions with what results says to a method, and keeps the last request.
type echo struct {
	results map[string]string
	mu      sync.Mutex
	last    string
	header  http.Header
}

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var m struct {
		ID     json.RawMessage
		Method string
	}
	_ = json.Unmarshal(body, &m)
	if m.Method == "server/discover" {
		e.write(w, m.ID, `{"supportedVersions":["2026-07-28"],"capabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}`)
		return
	}
	e.mu.Lock()
	e.last, e.header = string(body), r.Header
	e.mu.Unlock()
	e.write(w, m.ID, e.results[m.Method])
}

func (e *echo) write(w http.ResponseWriter, id json.RawMessage, result string) {
	w.Header().Set("content-type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, id, result)
}

// TestWhatIsNotKnownIsCarried: fields and numbers of which the endpoint knows nothing stay as they were written; tasks find back.
func TestWhatIsNotKnownIsCarried(t *testing.T) {
	e := &echo{results: map[string]string{
		"tools/call": `{"resultType":"task","task":{"taskId":"786","ttl":9007199254740993},"content":[],"structuredContent":{"uri":"x://1","id":9007199254740993}}`,
		"tasks/get":  `{"resultType":"complete","taskId":"786","status":"completed","result":{"content":[{"type":"resource_link","uri":"x://1"}]}}`,
		"tools/list": `{"tools":[{"name":"` + strings.Repeat("n", 122) + `"},{"name":"a","execution":{"taskSupport":"required"},"new":1e400}],"ttlMs":700}`,
	}}
	w := newWorld(t, map[string]http.Handler{"tasks": e})
	for _, c := range []struct{ method, params, want, sent string }{
		{
			"tools/call", `{"name":"tasks__a","arguments":{"n":9007199254740993},"task":{"ttl":1},` + modernMeta + `}`,
			`{"resultType":"task","task":{"taskId":"tasks__786","ttl":9007199254740993},"content":[],"structuredContent":{"uri":"x://1","id":9007199254740993}}`,
			`"params":{"name":"a","arguments":{"n":9007199254740993},"task":{"ttl":1},`,
		},
		{
			"tasks/get", `{"taskId":"tasks__786",` + modernMeta + `}`,
			`{"resultType":"complete","taskId":"tasks__786","status":"completed","result":{"content":[{"type":"resource_link","uri":"tasks+x://1"}]}}`,
			`"taskId":"786"`,
		},
		{
			"tools/list", `{` + modernMeta + `}`,
			`{"tools":[{"name":"tasks__a","execution":{"taskSupport":"required"},"new":1e400}],"_meta":{"bartizan/omitted":[{"server":"tasks","name":"` +
				strings.Repeat("n", 122) + `","reason":"its name with the server's is longer than 128; it can be used at /mcp/tasks"}],` +
				`"io.modelcontextprotocol/serverInfo":{"name":"bartizan","title":"All MCP servers","version":"1"}},"ttlMs":700,"cacheScope":"private","resultType":"complete"}`,
			`"method":"tools/list"`,
		},
	} {
		status, body := w.post(t, "alice", `{"jsonrpc":"2.0","id":"q","method":"`+c.method+`","params":`+c.params+`}`, "mcp-protocol-version: "+modern, "mcp-param-x: 1")
		if want := `{"jsonrpc":"2.0","id":"q","result":` + c.want + `}`; status != http.StatusOK || body != want {
			t.Errorf("%s: %d\n got %s\nwant %s", c.method, status, body, want)
		}
		param := e.header.Get("mcp-param-x") == "1" // meant for the one server of a call
		if !strings.Contains(e.last, c.sent) || e.header.Get("mcp-method") != c.method || param != (c.method != "tools/list") {
			t.Errorf("%s: the server saw %s, headers %v", c.method, e.last, e.header)
		}
	}
	if e.header.Get("mcp-name") != "" {
		t.Errorf("a list names %q", e.header.Get("mcp-name"))
	}
}

func TestOnesOwn(t *testing.T) {
	w := newWorld(t, twoServers(), func(c *aggregate.Config) { c.Sessions = 16 })
	list := func(user, session, cursor string) (int, string) {
		return w.post(t, user, `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"`+cursor+`"}}`, "mcp-session-id: "+session)
	}
	s := w.connect(t, legacy, nil)
	page, err := s.ListTools(t.Context(), nil)
	if err != nil || page.NextCursor == "" {
		t.Fatalf("%+v, %v", page, err)
	}
	if status, body := list("bob", s.ID(), ""); status != http.StatusNotFound {
		t.Errorf("another caller speaks in the session: %d %s", status, body)
	}
	status, body := w.post(t, "bob", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"`+page.NextCursor+`",`+modernMeta+`}}`, "mcp-protocol-version: "+modern)
	if status != http.StatusOK || !strings.Contains(body, "-32602") {
		t.Errorf("another caller's cursor: %d %s", status, body)
	}
	for i := range 3 { // two of a share of sixteen
		status, body = w.post(t, "carol", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}`)
		if want := map[bool]int{true: http.StatusOK, false: http.StatusServiceUnavailable}[i < 2]; status != want {
			t.Errorf("session %d: %d %s", i, status, body)
		}
	}
	res, err := http.Post(w.url, "application/json", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("nobody gets %d", res.StatusCode)
	}
}
