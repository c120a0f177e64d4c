package e2e

import (
	"net/http"
	"strings"
	"testing"

	"bartizan/extproc/audit/tail"
)

// TestMCP20250618: the revision that Codex and Gemini CLI speak, from initialize to DELETE. Codex repeats the version in a header,
// Gemini CLI does not.
func TestMCP20250618(t *testing.T) {
	w := shared
	const initialize = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"codex-mcp-client","version":"0.169.0"}}}`
	for client, headers := range map[string][]string{"codex": {"mcp-protocol-version: 2025-06-18"}, "gemini": nil} {
		t.Run(client, func(t *testing.T) {
			session, refused := "", ""
			send := func(method, body string) answer {
				req := w.post(t, "/mcp/warehouse", aliceKey, body)
				req.Method = method
				req.Header.Del("anthropic-version")
				if session != "" {
					req.Header.Set("mcp-session-id", session)
					for _, h := range headers {
						name, value, _ := strings.Cut(h, ": ")
						req.Header.Set(name, value)
					}
				}
				return call(t, req)
			}
			began := send(http.MethodPost, initialize)
			if session = began.header.Get("mcp-session-id"); began.status != 200 || session == "" || !strings.Contains(began.body, `"protocolVersion":"2025-06-18"`) {
				t.Fatalf("initialize: %d %s", began.status, began.body)
			}
			for _, c := range []struct {
				method, body string
				status       int
				says         string
			}{
				{http.MethodPost, `{"jsonrpc":"2.0","method":"notifications/initialized"}`, 202, ""},
				{http.MethodPost, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, 200, `"query_sales"`},
				{http.MethodPost, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"query_sales","arguments":{"quarter":"2026-Q3"},"_meta":{"progressToken":2}}}`, 200, "1250000"},
				{http.MethodPost, `{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"update_sales","arguments":{"quarter":"2026-Q3","amount":1}}}`, 200, "read-only access to the warehouse"},
				{http.MethodPost, `{"jsonrpc":"2.0","id":4,"method":"resources/read","params":{"uri":"sales://2026"}}`, 200, "sales"},
				{http.MethodPost, `{"jsonrpc":"2.0","id":5,"method":"prompts/list"}`, 200, "summarize"},
				{http.MethodDelete, "", 204, ""},
			} {
				a := send(c.method, c.body)
				if strings.Contains(c.body, "update_sales") {
					refused = a.decision()
				}
				if a.status != c.status || !strings.Contains(a.body, c.says) {
					t.Errorf("%s %s: %d %s", c.method, c.body, a.status, a.body)
				}
			}
			e := w.recordWhere(t, "the refused call", func(e tail.Event) bool {
				return e.Own().Outcome == "deny" && e.Own().DecisionID == refused
			})
			if said := strings.Contains(string(e.Raw), `"protocol_version":"2025-06-18"`); said != (headers != nil) {
				t.Errorf("the record says the revision: %t; %s", said, e.Raw)
			}
		})
	}
}
