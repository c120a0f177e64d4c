package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"bartizan/test/env"
)

// conversation is a request to the fake Anthropic of exactly size bytes.
func conversation(size int) []byte {
	const head, tail = `{"model":"claude-sonnet-5","max_tokens":64,"messages":[{"role":"user","content":"`,
		`"},{"role":"assistant","content":"Yes."},{"role":"user","content":"Hello. fake:say:\"read\""}]}`
	return fmt.Appendf(nil, "%s%s%s", head, bytes.Repeat([]byte("x"), size-len(head)-len(tail)), tail)
}

func (w *world) postBytes(t testing.TB, path, key string, body []byte) *http.Request {
	t.Helper()
	req := w.post(t, path, key, "")
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	req.GetBody = nil
	return req
}

// TestBodyOfLimit: the largest body is judged, and is the one that the upstream gets.
func TestBodyOfLimit(t *testing.T) {
	w := shared
	body := conversation(limitBytes)
	for _, by := range ways() {
		t.Run(by.name, func(t *testing.T) {
			req := w.postBytes(t, "/anthropic/v1/messages", aliceKey, body)
			name := tagged(req)
			a := callBy(t, by, req)
			if a.err != nil || a.status != http.StatusOK || !strings.Contains(a.body, `"text":"read"`) {
				t.Fatalf("%d %s, error %v", a.status, a.body, a.err)
			}
			seen := w.upstreamOf(name)
			if len(seen) != 1 || !bytes.Equal(seen[0].Body, body) {
				t.Errorf("the upstream saw %d requests, or other bytes than were sent", len(seen))
			}
			r := w.recordOf(t, name)
			if r.Own().Outcome != "allow" || r.Unmapped.Bartizan.Request.Size != limitBytes || r.Response.Code != http.StatusOK {
				t.Errorf("record %s", r.Raw)
			}
		})
	}
	w.anthropic.Reset()
}

// TestBodyOverLimit: one byte more is refused by extproc, and what is beyond Envoy's own limit by Envoy: the caller cannot tell.
func TestBodyOverLimit(t *testing.T) {
	w := shared
	for _, over := range []struct {
		name string
		size int
	}{{"one byte", limitBytes + 1}, {"far", 45 << 20}} {
		body := conversation(over.size)
		for _, by := range ways() {
			t.Run(over.name+" "+by.name, func(t *testing.T) {
				req := w.postBytes(t, "/anthropic/v1/messages", aliceKey, body)
				name := tagged(req)
				want := wanted{status: 413, protocol: "anthropic", says: "too large", outcome: "deny", endedBy: "gateway", kind: "too_large"}
				if over.size > limitBytes+1<<20 && !by.length {
					want.endedBy, want.kind = "envoy", ""
				}
				if want.kind != "" {
					want.says = "larger than the 41943040 bytes"
				}
				w.expect(t, name, callBy(t, by, req), want)
			})
		}
	}
}

// limited is a fleet whose limit is small, so that each protocol is tried cheaply.
func limited(t *testing.T, bytes int) *world {
	t.Helper()
	w := start(t, env.FleetOptions{})
	gateway := w.policies()["gateway.yaml"] + fmt.Sprintf("  limits: { requestBytes: %d }\n", bytes)
	w.live(t, map[string]string{"gateway.yaml": gateway})
	return w
}

// live commits files and waits until they are in force.
func (w *world) live(t *testing.T, files map[string]string) {
	t.Helper()
	commit, err := w.repo.Commit("Change for "+t.Name(), files)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.Live(ctx, commit); err != nil {
		t.Fatal(err)
	}
}

// TestLimitSpeaksProtocol: the same refusal in the form of each protocol, whoever makes it.
func TestLimitSpeaksProtocol(t *testing.T) {
	const limit = 4096
	w := limited(t, limit)
	for _, route := range []struct{ protocol, path, key string }{
		{"anthropic", "/anthropic/v1/messages", aliceKey}, {"openai", "/openai/v1/chat/completions", bobKey}, {"mcp", "/mcp/modern", bobKey},
	} {
		for _, size := range []int{limit + 1, limit + 2<<20} {
			for _, by := range ways() {
				t.Run(fmt.Sprint(route.protocol, " ", size, " ", by.name), func(t *testing.T) {
					req := w.postBytes(t, route.path, route.key, bytes.Repeat([]byte("x"), size))
					name := tagged(req)
					want := wanted{status: 413, protocol: route.protocol, says: "too large", outcome: "deny", endedBy: "gateway", kind: "too_large"}
					if size > limit+1<<20 && !by.length {
						want.endedBy, want.kind = "envoy", ""
					}
					if want.kind != "" {
						want.says = "larger than the 4096 bytes"
					}
					w.expect(t, name, callBy(t, by, req), want)
				})
			}
		}
	}
}
