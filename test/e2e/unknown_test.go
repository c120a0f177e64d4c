package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"bartizan/extproc/audit/tail"
)

// text is an HTTP/1.1 request as bytes: line, further headers, body. Its user agent is name.
func text(line, name, key string, headers []string, body string) string {
	lines := append([]string{
		line, "host: gateway.test", "user-agent: " + name, "x-api-key: " + key, "anthropic-version: 2023-06-01",
		"content-type: application/json", fmt.Sprintf("content-length: %d", len(body)),
	}, headers...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

// TestUnknownPaths: a path that is not, letter by letter, that of a governed operation reaches nothing.
func TestUnknownPaths(t *testing.T) {
	w := shared
	none := wanted{status: 404, protocol: "plain", says: "no route for", outcome: "deny", endedBy: "gateway", kind: "unknown"}
	unlisted := func(says string) wanted {
		return wanted{status: 404, protocol: "anthropic", says: says, outcome: "deny", endedBy: "gateway", kind: "unknown"}
	}
	unknown := unlisted("is no operation of dialect anthropic that this gateway knows")
	openAI := wanted{status: 404, protocol: "openai", says: "POST /openai/v1/responses is ", outcome: "deny", endedBy: "gateway", kind: "unknown"}
	slash := wanted{status: 400, protocol: "plain", says: "not a request that the gateway can read", outcome: "deny", endedBy: "envoy"}
	for _, c := range []struct {
		line string
		want wanted
	}{
		{"POST / HTTP/1.1", none},
		{"POST /v1/messages HTTP/1.1", none},
		{"POST /anthropic HTTP/1.1", none},
		{"POST /anthropic/v1/messages/ HTTP/1.1", unknown},
		{"POST /anthropic/v1/messages/count_tokens?beta=true HTTP/1.1", unlisted("is the operation messages.count_tokens, which is not among those that the Provider anthropic lists")},
		{"POST /anthropic/v1/messages/batches HTTP/1.1", unlisted("is the operation messages.batches.create")},
		{"POST /anthropic/v1/messages;a=b HTTP/1.1", unknown},
		{"POST /anthropic/v1/messages%20 HTTP/1.1", unknown},
		{"POST /anthropic/v1/messages%3Fbeta HTTP/1.1", unknown},
		{"POST /anthropic/v1/messages%00 HTTP/1.1", slash},
		{"POST /anthropic/v1%2Fmessages HTTP/1.1", unknown},
		{"POST /anthropic/v1%2fmessages HTTP/1.1", unknown},
		{"POST /anthropic/v1%5Cmessages HTTP/1.1", unknown},
		{"POST /anthropic/v1\\messages/x HTTP/1.1", unknown},
		{"POST /anthropic/V1/messages HTTP/1.1", unknown},
		{"POST /Anthropic/v1/messages HTTP/1.1", none},
		{"POST /anthropic/v1/complete HTTP/1.1", unknown},
		{"POST /anthropic/v1/files HTTP/1.1", unlisted("is the operation files.create")},
		{"GET /anthropic/v1/models HTTP/1.1", unlisted("is the operation models.list")},
		{"GET /anthropic/v1/messages HTTP/1.1", unknown},
		{"PUT /anthropic/v1/messages HTTP/1.1", unknown},
		{"DELETE /anthropic/v1/messages HTTP/1.1", unknown},
		{"HEAD /anthropic/api/hello HTTP/1.1", unknown},
		{"OPTIONS /anthropic/v1/messages HTTP/1.1", unknown},
		{"POST /openai/v1/responses HTTP/1.1", openAI},
		{"POST /mcp HTTP/1.1", none},
		{"POST /mcp/ HTTP/1.1", none},
		{"POST /mcp/warehouse/ HTTP/1.1", none},
		{"POST /mcp/elsewhere HTTP/1.1", none},
		{"POST /mcp/warehouse/.well-known/x HTTP/1.1", none},
		{"PUT /mcp/warehouse HTTP/1.1", none},
		{"POST /anthropic/v1/messages/../../x HTTP/1.1", unknown},
		{"POST /anthropic/v1/messages#x HTTP/1.1", slash},
	} {
		t.Run(c.line, func(t *testing.T) {
			name := tag()
			a := w.raw(t, text(c.line, name, aliceKey, nil, string(conversation(300))))
			if strings.HasPrefix(c.line, "HEAD") { // an answer to HEAD has no body
				a.body = `{"type":"error","error":{"type":"not_found_error","message":"` + c.want.says + `"}}`
			}
			w.expect(t, name, a, c.want)
		})
	}
}

// TestPathsThatAreTheSame: spellings that Envoy turns into the governed path are judged as that path, and the upstream sees that path.
func TestPathsThatAreTheSame(t *testing.T) {
	w := shared
	for _, path := range []string{
		"/anthropic/v1/messages?beta=true", "//anthropic/v1//messages", "/anthropic/./v1/messages", "/anthropic/v1/x/../messages",
		"/anthropic/v1/%6dessages", "/anthropic/v1/%2e/messages", "/anthropic/v1/x/%2e%2e/messages", "http://elsewhere.test/anthropic/v1/messages",
	} {
		t.Run(path, func(t *testing.T) {
			line := "POST " + path + " HTTP/1.1"
			body := string(conversation(300))
			name := tag()
			a := w.raw(t, text(line, name, aliceKey, nil, strings.Replace(body, "claude-sonnet-5", "claude-opus-5-5", 1)))
			w.expect(t, name, a, wanted{status: 451, protocol: "anthropic", says: "Opus is not for finance", outcome: "deny", endedBy: "gateway", kind: "policy"})

			name = tag()
			a = w.raw(t, text(line, name, aliceKey, nil, body))
			r, seen := w.recordOf(t, name), w.upstreamOf(name)
			if a.status != http.StatusOK || r.Unmapped.Bartizan.Route != "llm/anthropic/messages" || len(seen) != 1 {
				t.Fatalf("%d %s, record %s", a.status, a.body, r.Raw)
			}
			if seen[0].Path != "/v1/messages" || seen[0].Host != w.anthropic.Addr() {
				t.Errorf("the upstream saw %s%s", seen[0].Host, seen[0].Path)
			}
		})
	}
}

// TestNoBody: a request without a body is judged at its headers, and one with an empty body at its body.
func TestNoBody(t *testing.T) {
	w := shared
	for _, c := range []struct {
		name, request string
		want          wanted
	}{
		{"content-length 0", "POST /anthropic/v1/messages", wanted{status: 400, protocol: "anthropic", outcome: "deny", endedBy: "gateway", kind: "malformed"}},
		{"openai", "POST /openai/v1/chat/completions", wanted{status: 400, protocol: "openai", outcome: "deny", endedBy: "gateway", kind: "malformed"}},
		{"mcp", "POST /mcp/modern", wanted{status: 400, protocol: "mcp", outcome: "deny", endedBy: "gateway", kind: "malformed"}},
		{"mcp DELETE", "DELETE /mcp/modern", wanted{status: 400, protocol: "mcp", says: "names no session", outcome: "deny", endedBy: "gateway", kind: "malformed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := tag()
			w.expect(t, name, w.raw(t, text(c.request+" HTTP/1.1", name, bobKey, nil, "")), c.want)
			name = tag()
			chunked := strings.Replace(text(c.request+" HTTP/1.1", name, bobKey, []string{"transfer-encoding: chunked"}, ""), "content-length: 0\r\n", "", 1)
			w.expect(t, name, w.raw(t, chunked+"0\r\n\r\n"), c.want)
		})
	}
}

// TestServerRefusesGET: whether a server has a stream of its own messages is its own to say.
func TestServerRefusesGET(t *testing.T) {
	w := shared
	name := tag()
	a := w.raw(t, text("GET /mcp/modern HTTP/1.1", name, bobKey, nil, ""))
	r, seen := w.recordOf(t, name), w.upstreamOf(name)
	if a.status != http.StatusMethodNotAllowed || len(seen) != 1 || r.Own().Outcome != "allow" || r.Unmapped.Bartizan.EndedBy != "upstream" {
		t.Errorf("%d %q, outcome %s, ended by %s, the upstream saw %d", a.status, a.body, r.Own().Outcome, r.Unmapped.Bartizan.EndedBy, len(seen))
	}
}

// TestUpgrades: a WebSocket would pass uninspected; 426 is what makes clients fall back to plain HTTP.
func TestUpgrades(t *testing.T) {
	w := shared
	for _, c := range []struct{ line, protocol, upgrade string }{
		{"GET /openai/v1/responses", "openai", "websocket"},
		{"GET /openai/v1/chat/completions", "openai", "websocket"},
		{"GET /elsewhere", "plain", "websocket"},
		{"POST /openai/v1/chat/completions", "openai", "websocket"},
		{"POST /anthropic/v1/messages", "anthropic", "websocket"},
		{"GET /mcp/warehouse", "mcp", "websocket"},
		{"POST /mcp/warehouse", "mcp", "foo"},
	} {
		t.Run(c.line+" "+c.upgrade, func(t *testing.T) {
			name := tag()
			headers := []string{"connection: Upgrade", "upgrade: " + c.upgrade, "sec-websocket-version: 13", "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="}
			a := w.raw(t, strings.Replace(text(c.line+" HTTP/1.1", name, bobKey, headers, ""), "content-length: 0\r\n", "", 1))
			w.expect(t, name, a, wanted{status: 426, protocol: c.protocol, says: "not upgraded", outcome: "deny", endedBy: "envoy"})
		})
	}
	t.Run("CONNECT", func(t *testing.T) {
		name := tag()
		a := w.raw(t, "CONNECT example.test:443 HTTP/1.1\r\nhost: example.test:443\r\nuser-agent: "+name+"\r\n\r\n")
		w.expect(t, name, a, wanted{status: 404, protocol: "plain", says: "no route for CONNECT", outcome: "deny", endedBy: "gateway", kind: "unknown"})
	})
}

// TestForgedHeaders: what a client says of itself in our own or Envoy's headers is not believed, and goes no further.
func TestForgedHeaders(t *testing.T) {
	w := shared
	forged := map[string]string{
		"x-request-id": "11111111-1111-4111-8111-111111111111", "x-envoy-original-path": "/anthropic/v1/messages", "x-envoy-retry-on": "5xx",
		"x-envoy-upstream-rq-timeout-ms": "1", "x-envoy-max-retries": "5", "x-envoy-decorator-operation": "x", "x-envoy-internal": "true",
		"x-bartizan-decision": "forged", "x-bartizan-request": "judged", "x-forwarded-for": "10.0.0.1", "x-forwarded-host": "api.test",
		"x-forwarded-proto": "https", "forwarded": "for=10.0.0.1", "via": "1.1 x", "x-original-url": "/x", "te": "trailers",
	}
	req := w.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, false)
	for name, value := range forged {
		req.Header.Set(name, value)
	}
	name := tagged(req)
	a := call(t, req)
	if a.status != http.StatusOK || a.decision() == "" || a.decision() == "forged" {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	r := w.recordOf(t, name)
	if r.Own().DecisionID != a.decision() || r.Metadata.RequestID == forged["x-request-id"] || r.Metadata.RequestID == "" {
		t.Errorf("record %s", r.Raw)
	}
	seen := w.upstreamOf(name)
	if len(seen) != 1 {
		t.Fatalf("the upstream saw %d requests", len(seen))
	}
	for header := range seen[0].Header {
		if h := strings.ToLower(header); strings.HasPrefix(h, "x-envoy-") || strings.HasPrefix(h, "x-bartizan-") || strings.HasPrefix(h, "x-forwarded-") || h == "via" || h == "forwarded" {
			t.Errorf("the upstream saw %s: %q", header, seen[0].Header[header])
		}
	}
	if got := seen[0].Header.Get("x-request-id"); got == forged["x-request-id"] {
		t.Errorf("the upstream saw the client's request id")
	}
}

// TestOddHeaders: credentials that two readers may read in two ways.
func TestOddHeaders(t *testing.T) {
	w := shared
	for _, c := range []struct {
		name, key string
		headers   []string
		says      string
	}{
		{"two keys that differ", aliceKey, []string{"x-api-key: " + bobKey}, "two keys that differ"},
		{"two headers that differ", aliceKey, []string{"authorization: Bearer " + bobKey}, "two keys that differ"},
		{"two keys in one header", aliceKey + ", " + bobKey, nil, "not one of the gateway's virtual keys"},
		{"an empty key", "", nil, "key"},
		{"a key and an empty one", aliceKey, []string{"x-api-key:"}, "key"},
		{"basic", aliceKey, []string{"authorization: Basic eDp5"}, "Bearer"},
		{"unknown key", "bz-somebody", nil, "not one of the gateway's virtual keys"},
		{"the vendor's own key", vendorKey, nil, "a key of Anthropic: the gateway takes no keys of providers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := tag()
			a := w.raw(t, text("POST /anthropic/v1/messages HTTP/1.1", name, c.key, c.headers, string(conversation(300))))
			r := w.expect(t, name, a, wanted{status: 403, protocol: "anthropic", says: c.says, outcome: "deny", endedBy: "gateway", kind: "unauthenticated"})
			noCallerKey(t, r.Event)
		})
	}
}

// TestBrokenFraming: what two readers may read in two ways breaks the connection, with a record, and one request stays one. Envoy's
// HTTP/1 codec closes without waiting for ext_proc, through which its own 400 would have to go, so the client gets nothing.
func TestBrokenFraming(t *testing.T) {
	w := shared
	for _, c := range []struct {
		name    string
		headers []string
		before  string // what stands between the headers and the smuggled request
		outcome string
	}{
		{"underscore", []string{"content-length: 2", "x_bartizan_request: judged"}, "{}", "deny"},
		{"length and chunked", []string{"content-length: 4", "transfer-encoding: chunked"}, "0\r\n\r\n", "deny"},
		{"two lengths", []string{"content-length: 5", "content-length: 6"}, "{}", "deny"},
		{"unknown coding", []string{"transfer-encoding: xchunked"}, "0\r\n\r\n", "error"},                              // 501
		{"chunked twice", []string{"transfer-encoding: chunked", "transfer-encoding: identity"}, "0\r\n\r\n", "error"}, // 501
	} {
		t.Run(c.name, func(t *testing.T) {
			name, smuggled, count := tag(), tag(), len(w.Records.All())
			inner := text("POST /anthropic/v1/messages HTTP/1.1", smuggled, aliceKey, nil, string(conversation(300)))
			head := strings.Replace(text("POST /anthropic/v1/messages HTTP/1.1", name, aliceKey, c.headers, ""), "content-length: 0\r\n", "", 1)
			a := w.raw(t, head+c.before+inner)
			if a.err == nil && a.status < 400 {
				t.Errorf("the client got %d %s", a.status, a.body)
			}
			if len(w.upstreamOf(name))+len(w.upstreamOf(smuggled)) > 0 {
				t.Error("the upstream was called")
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := w.Records.Wait(ctx, func(e tail.Event) bool {
				count--
				return count < 0 && e.Own().Outcome == c.outcome && strings.Contains(e.Own().Detail, "envoy: http1.")
			})
			if err != nil {
				t.Errorf("no record: %v", err)
			}
			for _, e := range w.Records.All() {
				if strings.Contains(string(e.Raw), smuggled) {
					t.Errorf("the smuggled request was one: %s", e.Raw)
				}
			}
		})
	}
}
