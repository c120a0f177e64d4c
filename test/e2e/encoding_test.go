package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
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

func zstdOf(t testing.TB, s string) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll([]byte(s), nil)
}

func brotliOf(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := brotli.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var codings = map[string]func(testing.TB, string) []byte{"gzip": gzipped, "zstd": zstdOf, "br": brotliOf}

// TestCompressedRequest: a compressed body is judged by what is in it, and goes on byte for byte as it came.
func TestCompressedRequest(t *testing.T) {
	w := shared
	plain := string(conversation(5000))
	for name, compress := range codings {
		for _, by := range ways() {
			t.Run(name+" "+by.name, func(t *testing.T) {
				body := compress(t, plain)
				req := w.postBytes(t, "/anthropic/v1/messages", aliceKey, body)
				req.Header.Set("content-encoding", name)
				tag := tagged(req)
				if a := callBy(t, by, req); a.status != http.StatusOK || !strings.Contains(a.body, `"text":"read"`) {
					t.Fatalf("%d %s", a.status, a.body)
				}
				seen := w.upstreamOf(tag)
				if len(seen) != 1 || !bytes.Equal(seen[0].Body, body) || seen[0].Header.Get("content-encoding") != name {
					t.Errorf("the upstream saw %d requests, or other bytes than were sent", len(seen))
				}
				q := w.recordOf(t, tag).Unmapped.Bartizan.Request
				if q.Size != int64(len(body)) || q.Encoding != name || q.DecodedSize != int64(len(plain)) {
					t.Errorf("record says %+v", q)
				}

				req = w.postBytes(t, "/anthropic/v1/messages", aliceKey, compress(t, strings.Replace(plain, "claude-sonnet-5", "claude-opus-5-5", 1)))
				req.Header.Set("content-encoding", name)
				tag = tagged(req)
				w.expect(t, tag, callBy(t, by, req), wanted{
					status: 451, protocol: "anthropic", says: "Opus is not for finance", outcome: "deny", endedBy: "gateway", kind: "policy",
				})
			})
		}
	}
}

// TestBombs: a small body that would grow beyond the limit is refused, also a hundred at once.
func TestBombs(t *testing.T) {
	w := shared
	for name, compress := range codings {
		t.Run(name, func(t *testing.T) {
			bomb := compress(t, string(conversation(limitBytes+1)))
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					req := w.postBytes(t, "/anthropic/v1/messages", aliceKey, bomb)
					req.Header.Set("content-encoding", name)
					if a := call(t, req); a.status != http.StatusRequestEntityTooLarge && a.status != http.StatusServiceUnavailable {
						t.Errorf("%d %s", a.status, a.body)
					}
				})
			}
			all.Wait()
			req := w.postBytes(t, "/anthropic/v1/messages", aliceKey, bomb)
			req.Header.Set("content-encoding", name)
			tag := tagged(req)
			w.expect(t, tag, call(t, req), wanted{
				status: 413, protocol: "anthropic", says: "once it is decompressed", outcome: "deny", endedBy: "gateway", kind: "too_large",
			})
		})
	}
}

// TestUnreadableCoding: a body that cannot be read in one way is refused whatever it is called, also where the name is a lie.
func TestUnreadableCoding(t *testing.T) {
	w := shared
	plain := string(conversation(500))
	zipped := gzipped(t, plain)
	for _, c := range []struct {
		name    string
		headers []string
		body    []byte
		status  int
	}{
		{"a lie", []string{"gzip"}, []byte(plain), 400},
		{"another lie", []string{"zstd"}, zipped, 400},
		{"cut", []string{"gzip"}, zipped[:len(zipped)-1], 400},
		{"trailing", []string{"gzip"}, append(zipped[:len(zipped):len(zipped)], 0), 400},
		{"twice", []string{"gzip"}, append(zipped[:len(zipped):len(zipped)], zipped...), 400},
		{"nothing", []string{"br"}, nil, 400},
		{"unknown", []string{"snow"}, []byte(plain), 415},
		{"deflate", []string{"deflate"}, []byte(plain), 415},
		{"a list", []string{"gzip, identity"}, zipped, 415},
		{"a list the other way round", []string{"identity,gzip"}, zipped, 415},
		{"two headers", []string{"identity", "gzip"}, zipped, 415},
		{"identity twice", []string{"identity", "identity"}, []byte(plain), 415}, // no coding can be hidden, and no client sends it
	} {
		for _, by := range []way{{"HTTP 1", false, true}, {"HTTP 2", true, true}} {
			t.Run(c.name+" "+by.name, func(t *testing.T) {
				req := w.postBytes(t, "/anthropic/v1/messages", aliceKey, c.body)
				req.Header["Content-Encoding"] = c.headers
				name := tagged(req)
				want := wanted{status: c.status, protocol: "anthropic", says: "send the body uncompressed", outcome: "deny", endedBy: "gateway", kind: "encoding"}
				if c.status == 400 {
					want.says, want.kind = "", "malformed"
				}
				w.expect(t, name, callBy(t, by, req), want)
			})
		}
	}
	for _, route := range []struct{ protocol, path, key string }{{"openai", "/openai/v1/chat/completions", bobKey}, {"mcp", "/mcp/modern", bobKey}} {
		t.Run(route.protocol, func(t *testing.T) {
			req := w.postBytes(t, route.path, route.key, zipped)
			req.Header.Set("content-encoding", "snow")
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
