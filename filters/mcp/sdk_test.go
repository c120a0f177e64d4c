package mcp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bartizan/filters"
	"bartizan/filters/mcp"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// gateway stands between a client and a server of the official SDK as the real one does, with one rule: nothing is written.
type gateway struct {
	t        *testing.T
	codec    *mcp.Codec
	upstream http.Handler

	mu   sync.Mutex
	seen []string // what was admitted: method, tool, what the answer said
	odd  []string // errors about an answer
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		g.t.Error(err)
	}
	x := &filters.Exchange{ID: "d-1", Route: filters.Route{Surface: filters.SurfaceMCP, Target: "warehouse"}}
	x.Request = filters.Request{Method: r.Method, Headers: map[string]string{}}
	for name, values := range r.Header {
		x.Request.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	if err := g.codec.DecodeRequest(x, body); err != nil {
		g.note("refused "+x.Operation(), "")
		g.answer(w, x, filters.AsRefusal(err, x.ID))
		return
	}
	if x.MCP.Tool.Name == "update_sales" {
		g.note("denied", "update_sales")
		g.answer(w, x, filters.Refusal{Kind: filters.RefusedByPolicy, Message: "Nothing is written here.", Policy: "p", Rule: "r", DecisionID: x.ID})
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	p := &passage{ResponseWriter: w, g: g, x: x}
	g.upstream.ServeHTTP(p, r)
	p.close()
}

func (g *gateway) note(what, tool string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen = append(g.seen, strings.TrimSpace(what+" "+tool))
}

func (g *gateway) answer(w http.ResponseWriter, x *filters.Exchange, r filters.Refusal) {
	reply := g.codec.Refuse(x, r)
	for _, h := range reply.Headers {
		w.Header().Set(h.Name, h.Value)
	}
	w.WriteHeader(reply.Status)
	w.Write(reply.Body)
}

// passage passes an answer through its reader.
type passage struct {
	http.ResponseWriter
	g      *gateway
	x      *filters.Exchange
	reader filters.ResponseReader
}

func (p *passage) WriteHeader(status int) {
	mediaType, _, _ := mime.ParseMediaType(p.Header().Get("Content-Type"))
	p.x.Response.Status, p.x.Response.MediaType = status, mediaType
	var err error
	if p.reader, err = p.g.codec.Response(p.x, nil); err != nil {
		p.fail(err)
	}
	p.ResponseWriter.WriteHeader(status)
}

func (p *passage) Write(b []byte) (int, error) {
	if p.reader == nil {
		p.WriteHeader(http.StatusOK)
	}
	out, err := p.reader.Write(b)
	if err != nil {
		p.fail(err)
	}
	p.ResponseWriter.Write(out)
	return len(b), nil
}

func (p *passage) Flush() { p.ResponseWriter.(http.Flusher).Flush() }

func (p *passage) close() {
	if p.reader == nil {
		p.WriteHeader(http.StatusOK)
	}
	out, err := p.reader.Close()
	if err != nil {
		p.fail(err)
	}
	p.ResponseWriter.Write(out)
	p.g.note(p.x.MCP.Method, strings.TrimSpace(fmt.Sprintf("%s %t %d %s", p.x.MCP.Tool.Name, p.x.Response.Complete, p.x.Response.Offered, p.x.Response.Error)))
}

func (p *passage) fail(err error) {
	p.g.mu.Lock()
	defer p.g.mu.Unlock()
	p.g.odd = append(p.g.odd, err.Error())
}

type region struct {
	Region string `json:"region"`
}

func newServer() *sdk.Server {
	server := sdk.NewServer(&sdk.Implementation{Name: "warehouse", Version: "1"}, &sdk.ServerOptions{Instructions: "Ask first."})
	for _, name := range []string{"query_sales", "update_sales"} {
		sdk.AddTool(server, &sdk.Tool{Name: name, Description: name}, func(_ context.Context, _ *sdk.CallToolRequest, in region) (*sdk.CallToolResult, any, error) {
			if in.Region == "nowhere" {
				return nil, nil, errors.New("no such region")
			}
			return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: name + " " + in.Region}}}, nil, nil
		})
	}
	return server
}

// TestOfficialSDK drives the codec with the official client and server: in both eras, with answers in JSON and as streams.
func TestOfficialSDK(t *testing.T) {
	for _, version := range []string{"2025-11-25", "2026-07-28"} {
		for _, asJSON := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/json=%t", version, asJSON), func(t *testing.T) { driveSDK(t, version, asJSON) })
		}
	}
}

func driveSDK(t *testing.T, version string, asJSON bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	server := newServer()
	options := &sdk.StreamableHTTPOptions{JSONResponse: asJSON, Stateless: version == "2026-07-28"}
	g := &gateway{t: t, codec: mcp.New(nil), upstream: sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return server }, options)}
	front := httptest.NewServer(g)
	defer front.Close()

	client := sdk.NewClient(&sdk.Implementation{Name: "probe", Version: "1"}, nil)
	session, err := client.Connect(ctx, &sdk.StreamableClientTransport{Endpoint: front.URL}, &sdk.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	if got := session.InitializeResult().ProtocolVersion; got != version {
		t.Errorf("the client speaks %s, want %s", got, version)
	}
	tools, err := session.ListTools(ctx, nil)
	if err != nil || len(tools.Tools) != 2 {
		t.Fatalf("tools %v, %v", tools, err)
	}
	calls := []struct{ tool, region, text string }{
		{"query_sales", "north", "query_sales north"},
		{"query_sales", "nowhere", "no such region"},
		{"update_sales", "north", "Refused by Bartizan: Nothing is written here. (rule p/r, decision d-1). Ask your administrator about this decision."},
	}
	for _, c := range calls {
		result, err := session.CallTool(ctx, &sdk.CallToolParams{Name: c.tool, Arguments: map[string]any{"region": c.region}})
		if err != nil {
			t.Fatal(err)
		}
		if text := result.Content[0].(*sdk.TextContent).Text; text != c.text || result.IsError == (c.region == "north" && c.tool == "query_sales") {
			t.Errorf("%s %s: %q, error %t", c.tool, c.region, text, result.IsError)
		}
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	front.Close() // waits for what is still noted
	g.check(version)
}

func (g *gateway) check(version string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.odd) > 0 {
		g.t.Errorf("answers refused: %q", g.odd)
	}
	var got []string
	for _, s := range g.seen {
		if !strings.HasPrefix(s, "GET") { // the stream of the server's own messages, whenever the client asks for it
			got = append(got, s)
		}
	}
	want := []string{"initialize true 0", "notifications/initialized true 0"}
	if version == "2026-07-28" {
		want = []string{"server/discover true 0"}
	}
	want = append(want, "tools/list true 2", "tools/call query_sales true 0", "tools/call query_sales true 0 isError", "denied update_sales")
	if version == "2025-11-25" {
		want = append(want, "DELETE true 0")
	}
	slices.Sort(want) // an answer is noted at its end, which the client does not wait for
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		g.t.Errorf("seen (-want +got):\n%s", diff)
	}
}
