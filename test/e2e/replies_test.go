package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"bartizan/test/env"
)

// odd is an upstream that answers with the bytes that a test names, or breaks off where it ends with "RST".
type odd struct {
	*httptest.Server
	mu    sync.Mutex
	calls map[string]int // by user agent
}

func startOdd(t *testing.T) *odd {
	t.Helper()
	o := &odd{calls: map[string]int{}}
	o.Server = httptest.NewServer(http.HandlerFunc(o.answer))
	t.Cleanup(o.Close)
	return o
}

func (o *odd) answer(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	o.mu.Lock()
	o.calls[r.UserAgent()]++
	o.mu.Unlock()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	bytes, reset := strings.CutSuffix(oddAnswers()[r.Header.Get("x-odd")], "RST")
	io.WriteString(conn, bytes)
	if reset {
		conn.(*net.TCPConn).SetLinger(0)
	}
}

func (o *odd) count(tag string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.calls[tag]
}

// oddAnswers are what no upstream should answer.
func oddAnswers() map[string]string {
	with := func(status, contentType, body string) string {
		return fmt.Sprintf("HTTP/1.1 %s\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n%s", status, contentType, len(body), body)
	}
	return map[string]string{
		"reset":             "RST",
		"close":             "",
		"no http":           "SSH-2.0-OpenSSH_9.9\r\n",
		"huge headers":      "HTTP/1.1 200 OK\r\nx-big: " + strings.Repeat("x", 128<<10) + "\r\n\r\n",
		"text":              with("200 OK", "text/plain", "secret words"),
		"html":              with("200 OK", "text/html", "<p>secret words</p>"),
		"no type":           "HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\nsecret words",
		"nothing":           "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
		"no content":        "HTTP/1.1 204 No Content\r\n\r\n",
		"empty JSON":        with("200 OK", "application/json", ""),
		"half JSON":         with("200 OK", "application/json", `{"secret":`),
		"two JSON":          with("200 OK", "application/json", `{"secret":1}{"secret":2}`),
		"twice a member":    with("200 OK", "application/json", `{"secret":1,"secret":2}`),
		"redirect":          "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/secret\r\ncontent-length: 0\r\n\r\n",
		"cut JSON":          "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"secret\":",
		"cut JSON by reset": "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"secret\":RST",
	}
}

// oddWanted is what becomes of an odd answer.
func oddWanted(answer, protocol string) wanted {
	switch answer {
	case "reset", "close":
		return wanted{status: 503, protocol: protocol, says: "the upstream cannot be reached", outcome: "error", endedBy: "envoy"}
	case "no http", "huge headers", "cut JSON", "cut JSON by reset":
		return wanted{status: 502, protocol: protocol, says: "not HTTP, or broke off", outcome: "error", endedBy: "envoy"}
	default:
		return wanted{status: 502, protocol: protocol, outcome: "error", endedBy: "gateway", kind: "upstream"}
	}
}

// refusingPort is a loopback address on which nothing listens.
func refusingPort(t *testing.T) string {
	t.Helper()
	address, err := env.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// route is a governed route and what to send to it.
type route struct{ protocol, path, body string }

// routes of the providers and the server called name-anthropic, name-openai and name.
func routes(name string) []route {
	return []route{
		{"anthropic", "/" + name + "-anthropic/v1/messages", `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hello."}]}`},
		{"openai", "/" + name + "-openai/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"Hello."}]}`},
		{"mcp", "/mcp/" + name, `{"jsonrpc":"2.0","id":7,"method":"tools/list"}`},
	}
}

func upstreams(name, url string) string {
	return fmt.Sprintf(`apiVersion: bartizan/v1
kind: Provider
metadata: { name: %[1]s-anthropic }
spec: { dialect: anthropic, url: %[2]q, operations: [messages], credential: { secret: anthropic-key } }
---
apiVersion: bartizan/v1
kind: Provider
metadata: { name: %[1]s-openai }
spec: { dialect: openai, url: %[2]q, operations: [chat.completions], credential: { secret: openai-key } }
---
apiVersion: bartizan/v1
kind: McpServer
metadata: { name: %[1]s }
spec: { url: %[2]q, credential: { secret: mcp-token }, tools: [] }
`, name, url)
}

// TestOddUpstreams: whatever an upstream does in place of an answer, the client reads an error of its protocol, and nothing of it.
func TestOddUpstreams(t *testing.T) {
	w, o := start(t, env.FleetOptions{}), startOdd(t)
	w.live(t, map[string]string{"odd.yaml": upstreams("odd", o.URL), "closed.yaml": upstreams("closed", "http://"+refusingPort(t))})

	for _, r := range routes("closed") {
		t.Run("refused connection "+r.protocol, func(t *testing.T) {
			req := w.post(t, r.path, bobKey, r.body)
			name := tagged(req)
			w.expect(t, name, call(t, req), wanted{status: 503, protocol: r.protocol, says: "the upstream cannot be reached", outcome: "error", endedBy: "envoy"})
		})
	}
	for answer := range oddAnswers() {
		for _, r := range routes("odd") {
			t.Run(answer+" "+r.protocol, func(t *testing.T) {
				req := w.post(t, r.path, bobKey, r.body)
				req.Header.Set("x-odd", answer)
				name := tagged(req)
				a := call(t, req)
				w.expect(t, name, a, oddWanted(answer, r.protocol))
				if strings.Contains(a.body, "secret words") || o.count(name) != 1 {
					t.Errorf("upstream called %d times; the client reads %s", o.count(name), a.body)
				}
			})
		}
	}
	w.Extproc.Kill()
	for _, r := range routes("odd") {
		t.Run("no extproc "+r.protocol, func(t *testing.T) {
			req := w.post(t, r.path, bobKey, r.body)
			name := tagged(req)
			a := call(t, req)
			if got := message(t, r.protocol, a); a.status != http.StatusServiceUnavailable || !strings.Contains(got, "the inspection service did not answer") || o.count(name) > 0 {
				t.Errorf("%d %q, upstream called %d times", a.status, got, o.count(name))
			}
		})
	}
}

// TestVendorErrorsPass: a vendor's own refusals reach the client as they are, since its retries hang on them.
func TestVendorErrorsPass(t *testing.T) {
	w := shared
	for _, c := range []struct {
		script      string
		status      int
		contentType string
		body        string
	}{
		{"status:529", 529, "application/json", `"overloaded_error"`},
		{"status:429 retry-after:7", 429, "application/json", `"rate_limit_error"`},
		{"status:401", 401, "application/json", `"authentication_error"`},
		{"status:400", 400, "application/json", `"invalid_request_error"`},
		{"status:500", 500, "application/json", `"api_error"`},
		{"html", 502, "text/html; charset=utf-8", "<h1>502 Bad Gateway</h1>"},
		{"html:503", 503, "text/html; charset=utf-8", "<h1>503 Service Unavailable</h1>"},
	} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprint(c.script, " stream ", stream), func(t *testing.T) {
				req := w.messages(t, aliceKey, "claude-sonnet-5", c.script, stream)
				name := tagged(req)
				a := call(t, req)
				if a.err != nil || a.status != c.status || a.header.Get("content-type") != c.contentType || !strings.Contains(a.body, c.body) || strings.Contains(a.body, "Bartizan") {
					t.Errorf("%d %v %s, error %v", a.status, a.header, a.body, a.err)
				}
				if want := strings.TrimPrefix(c.script, "status:429 retry-after:"); c.status == 429 && a.header.Get("retry-after") != want {
					t.Errorf("retry-after %q, want %s", a.header.Get("retry-after"), want)
				}
				if a.header.Get("request-id") == "" {
					t.Error("the vendor's request id is gone")
				}
				r := w.recordOf(t, name)
				if r.Response.Code != c.status || r.Unmapped.Bartizan.EndedBy != "upstream" || !r.Unmapped.Bartizan.Response.Complete {
					t.Errorf("record %s", r.Raw)
				}
			})
		}
	}
}
