package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"testing"
)

func gzipped(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestCompressedRequest: a body that cannot be read is refused whatever it is called, also where the name is a lie.
func TestCompressedRequest(t *testing.T) {
	w := shared
	plain := string(conversation(500))
	for _, c := range []struct {
		name    string
		headers []string
		body    []byte
	}{
		{"gzip", []string{"gzip"}, gzipped(t, plain)},
		{"a lie", []string{"gzip"}, []byte(plain)},
		{"upper case", []string{"GZip"}, gzipped(t, plain)},
		{"zstd", []string{"zstd"}, []byte(plain)},
		{"br", []string{"br"}, []byte(plain)},
		{"unknown", []string{"snow"}, []byte(plain)},
		{"a list", []string{"gzip, identity"}, gzipped(t, plain)},
		{"a list the other way round", []string{"identity,gzip"}, gzipped(t, plain)},
		{"two headers", []string{"identity", "gzip"}, gzipped(t, plain)},
		{"identity twice", []string{"identity", "identity"}, []byte(plain)}, // no coding can be hidden, and no client sends it
	} {
		for _, by := range []way{{"HTTP 1", false, true}, {"HTTP 2", true, true}} {
			t.Run(c.name+" "+by.name, func(t *testing.T) {
				req := w.postBytes(t, "/anthropic/v1/messages", aliceKey, c.body)
				req.Header["Content-Encoding"] = c.headers
				name := tagged(req)
				w.expect(t, name, callBy(t, by, req), wanted{
					status: 415, protocol: "anthropic", says: "send the body uncompressed", outcome: "deny", endedBy: "gateway", kind: "encoding",
				})
			})
		}
	}
	for _, route := range []struct{ protocol, path, key string }{{"openai", "/openai/v1/chat/completions", bobKey}, {"mcp", "/mcp/modern", bobKey}} {
		t.Run(route.protocol, func(t *testing.T) {
			req := w.postBytes(t, route.path, route.key, gzipped(t, `{}`))
			req.Header.Set("content-encoding", "gzip")
			name := tagged(req)
			w.expect(t, name, call(t, req), wanted{
				status: 415, protocol: route.protocol, says: "send the body uncompressed", outcome: "deny", endedBy: "gateway", kind: "encoding",
			})
		})
	}
}

// TestCompressedBodyWithoutName: compressed bytes that do not say what they are, are no JSON.
func TestCompressedBodyWithoutName(t *testing.T) {
	w := shared
	req := w.postBytes(t, "/anthropic/v1/messages", aliceKey, gzipped(t, string(conversation(500))))
	name := tagged(req)
	w.expect(t, name, call(t, req), wanted{status: 400, protocol: "anthropic", outcome: "deny", endedBy: "gateway", kind: "malformed"})
}

// TestIdentityEncoding: a coding that is none.
func TestIdentityEncoding(t *testing.T) {
	req := shared.postBytes(t, "/anthropic/v1/messages", aliceKey, conversation(500))
	req.Header.Set("content-encoding", "identity")
	if a := call(t, req); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestCompressedAnswer: an upstream that compresses unasked is not passed on, and was not asked.
func TestCompressedAnswer(t *testing.T) {
	w := shared
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprintf("anthropic stream %t", stream), func(t *testing.T) {
			req := w.messages(t, aliceKey, "claude-sonnet-5", `gzip say:"secret words"`, stream)
			req.Header.Set("accept-encoding", "gzip, br, zstd")
			w.notPassed(t, req, "anthropic")
		})
		t.Run(fmt.Sprintf("openai stream %t", stream), func(t *testing.T) {
			body := fmt.Sprintf(`{"model":"gpt-5.5","stream":%t,"messages":[{"role":"user","content":"Hello. fake:gzip say:\"secret words\""}]}`, stream)
			req := w.post(t, "/openai/v1/chat/completions", bobKey, body)
			req.Header.Set("accept-encoding", "gzip")
			w.notPassed(t, req, "openai")
		})
	}
}

func (w *world) notPassed(t *testing.T, req *http.Request, protocol string) {
	t.Helper()
	name := tagged(req)
	a := call(t, req)
	w.expect(t, name, a, wanted{
		status: 502, protocol: protocol, says: `content-encoding "gzip"`, outcome: "error", endedBy: "gateway", kind: "upstream", reached: true,
	})
	if got := a.header.Get("content-encoding"); got != "" {
		t.Errorf("our answer says content-encoding %q", got)
	}
	if asked := w.upstreamOf(name)[0].Header["Accept-Encoding"]; asked != nil {
		t.Errorf("the upstream was asked for %q", asked)
	}
}
