package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"bartizan/test/env"
)

// modernMeta is what every request of 2026-07-28 carries.
const modernMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`

// rpc is an error of JSON-RPC as a client reads it.
type rpc struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  json.RawMessage `json:"result"`
	Error   struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    struct {
			Decision  string   `json:"decision"`
			Supported []string `json:"supported"`
			Requested string   `json:"requested"`
		} `json:"data"`
	} `json:"error"`
}

func (w *world) mcpPost(t testing.TB, headers []string, body string) *http.Request {
	t.Helper()
	req := w.post(t, "/mcp/modern", bobKey, body)
	req.Header.Del("anthropic-version")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	return req
}

// TestMCPRefused: what the transports of both eras do not allow is answered with the code that they name, and goes no further.
func TestMCPRefused(t *testing.T) {
	w := shared
	modern := func(more ...string) []string { return append([]string{"mcp-protocol-version: 2026-07-28"}, more...) }
	modernCall := `{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"query_sales","arguments":{"region":"EU"},` + modernMeta + `}}`
	for _, c := range []struct {
		name    string
		headers []string
		body    string
		status  int
		code    int
		id      string
		kind    string
	}{
		{"method in the header differs", modern("mcp-method: tools/list"), modernCall, 400, -32020, `"a"`, "malformed"},
		{"no method in the header", modern(), modernCall, 400, -32020, `"a"`, "malformed"},
		{"name in the header differs", modern("mcp-method: tools/call", "mcp-name: update_sales"), modernCall, 400, -32020, `"a"`, "malformed"},
		{"name in the header in another case", modern("mcp-method: tools/call", "mcp-name: Query_sales"), modernCall, 400, -32020, `"a"`, "malformed"},
		{"encoded name in the header differs", modern("mcp-method: tools/call", "mcp-name: =?base64?dXBkYXRlX3NhbGVz?="), modernCall, 400, -32020, `"a"`, "malformed"},
		{"two methods in the header", modern("mcp-method: tools/call", "mcp-method: tools/list", "mcp-name: query_sales"), modernCall, 400, -32020, `"a"`, "malformed"},
		{"version only in the body", []string{"mcp-method: tools/call", "mcp-name: query_sales"}, modernCall, 400, -32020, `"a"`, "malformed"},
		{"version only in the header", modern("mcp-method: tools/list"), `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, 400, -32602, "1", "malformed"},
		{"versions differ", []string{"mcp-protocol-version: 2025-11-25"}, modernCall, 400, -32020, `"a"`, "malformed"},
		{"unknown version", []string{"mcp-protocol-version: 2031-01-01"}, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, 400, -32022, "1", "malformed"},
		{"batch", nil, `[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]`, 400, -32600, "null", "malformed"},
		{"no JSON", nil, `tools/list`, 400, -32700, "null", "malformed"},
		{"two values", nil, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}{}`, 400, -32700, "null", "malformed"},
		{"a key twice", nil, `{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}`, 400, -32700, "null", "malformed"},
		{"a tool named twice", nil, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query_sales","name":"update_sales"}}`, 400, -32700, "null", "malformed"},
		{"a key in another case", nil, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query_sales","Name":"update_sales"}}`, 400, -32602, "1", "malformed"},
		{"method in another case", nil, `{"jsonrpc":"2.0","id":1,"method":"Tools/Call","params":{"name":"update_sales"}}`, 200, -32601, "1", "unknown"},
		{"unknown method", nil, `{"jsonrpc":"2.0","id":1,"method":"resources/delete","params":{"uri":"sales://2026"}}`, 200, -32601, "1", "unknown"},
		{"unknown method, modern", modern("mcp-method: resources/delete", "mcp-name: sales://2026"), `{"jsonrpc":"2.0","id":1,"method":"resources/delete","params":{"uri":"sales://2026",` + modernMeta + `}}`, 404, -32601, "1", "unknown"},
		{"method of the other era", modern("mcp-method: initialize"), `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{` + modernMeta + `}}`, 404, -32601, "1", "unknown"},
		{"unknown notification", nil, `{"jsonrpc":"2.0","method":"notifications/message"}`, 400, -32601, "null", "unknown"},
		{"a call in the dress of a notification", nil, `{"jsonrpc":"2.0","method":"tools/call","params":{"name":"update_sales"}}`, 400, -32600, "null", "malformed"},
		{"a notification with an id", nil, `{"jsonrpc":"2.0","id":1,"method":"notifications/initialized"}`, 400, -32600, "1", "malformed"},
		{"a response, modern", modern(), `{"jsonrpc":"2.0","id":1,"result":{"roots":[]}}`, 400, -32600, "null", "malformed"},
		{"a page from elsewhere", []string{"origin: https://evil.example"}, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, 403, 403, "null", "origin"},
		{"an id that parsers read differently", nil, `{"jsonrpc":"2.0","id":1e0,"method":"tools/list"}`, 400, -32600, "null", "malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := w.mcpPost(t, c.headers, c.body)
			name := tagged(req)
			a := call(t, req)
			w.expect(t, name, a, wanted{status: c.status, protocol: "mcp", outcome: "deny", endedBy: "gateway", kind: c.kind})
			var got rpc
			if err := json.Unmarshal([]byte(a.body), &got); err != nil {
				t.Fatal(err)
			}
			if got.Error.Code != c.code || string(got.ID) != c.id || got.Error.Data.Decision != a.decision() {
				t.Errorf("code %d, want %d; id %s, want %s; %s", got.Error.Code, c.code, got.ID, c.id, a.body)
			}
			if c.code == -32022 && (got.Error.Data.Requested != "2031-01-01" || !slices.Contains(got.Error.Data.Supported, "2025-11-25")) {
				t.Errorf("an unsupported version is answered with %s", a.body)
			}
		})
	}
}

// TestMCPPasses: the forms that are right reach the server as they were sent.
func TestMCPPasses(t *testing.T) {
	w := shared
	for _, c := range []struct {
		name    string
		headers []string
		body    string
		status  int
		says    string
	}{
		{"notification", nil, `{"jsonrpc":"2.0","method":"notifications/initialized"}`, 202, ""},
		{"list", nil, `{"jsonrpc":"2.0","id":3,"method":"tools/list"}`, 200, `"query_sales"`},
		{
			"modern call",
			[]string{"mcp-protocol-version: 2026-07-28", "mcp-method: tools/call", "mcp-name: query_sales"},
			`{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"query_sales","arguments":{"region":"EU"},` + modernMeta + `}}`, 200, "1250000",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := w.mcpPost(t, c.headers, c.body)
			name := tagged(req)
			a := call(t, req)
			seen := w.upstreamOf(name)
			if a.status != c.status || !strings.Contains(a.body, c.says) || len(seen) != 1 || string(seen[0].Body) != c.body {
				t.Errorf("%d %s; the server saw %d", a.status, a.body, len(seen))
			}
			if r := w.recordOf(t, name); r.Own().Outcome != "allow" || r.Response.Code != c.status || !r.Unmapped.Bartizan.Response.Complete {
				t.Errorf("record %s", r.Raw)
			}
		})
	}
}

// TestMCPDeniedNotification: without an id there is no response to give, and only an HTTP error says no.
func TestMCPDeniedNotification(t *testing.T) {
	w := start(t, env.FleetOptions{})
	w.live(t, map[string]string{"quiet.yaml": `apiVersion: bartizan/v1
kind: Policy
metadata: { name: quiet }
spec:
  surface: mcp
  rules:
    - name: no-cancel
      on: [notifications/cancelled]
      expression: "true"
      action: deny
      severity: low
      reason: Calls run to their end.
`})
	req := w.mcpPost(t, nil, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	name := tagged(req)
	w.expect(t, name, call(t, req), wanted{status: 400, protocol: "mcp", says: "Calls run to their end.", outcome: "deny", endedBy: "gateway", kind: "policy"})
}
