package fake_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bartizan/test/fake"
	"bartizan/test/fake/faketest"
)

type reply struct {
	status int
	header http.Header
	body   string
}

// do posts a body with both vendors' headers and without the comforts of an SDK.
func do(t *testing.T, url, body string) reply {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(request(t.Context(), url, body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(b)}
}

func request(ctx context.Context, url, body string) *http.Request {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		panic(err) // the URL of a fake
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Anthropic-Version", "2023-06-01")
	r.Header.Set("Accept-Encoding", "identity")
	return r
}

func messages(script string, stream bool) string {
	body := `{"model":"fake:` + script + `","max_tokens":9,"messages":[{"role":"user","content":"hi"}]`
	if stream {
		body += `,"stream":true`
	}
	return body + "}"
}

func TestScriptInModelName(t *testing.T) {
	v := faketest.Anthropic(t, fake.Options{Key: key, Script: fake.Script{Say: "default"}})
	if got := do(t, v.URL()+"/v1/messages", messages("big:300000", false)); len(got.body) < 300_000 || got.header.Get("Content-Length") == "" {
		t.Errorf("got %d bytes and headers %v", len(got.body), got.header)
	}
	if got := do(t, v.URL()+"/v1/messages", strings.Replace(messages("", false), "fake:", "m", 1)); !strings.Contains(got.body, `"text":"default"`) {
		t.Errorf("got %s, want the default script", got.body)
	}
}

// The order of events is the vendor's, and usage grows to its last word in message_delta.
func TestAnthropicWireFormat(t *testing.T) {
	v := faketest.Anthropic(t, fake.Options{Key: key})
	got := do(t, v.URL()+"/v1/messages", messages("stream:2;tool:t;fragment:9;usage:5,6", true))
	var names []string
	for line := range strings.Lines(got.body) {
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			names = append(names, strings.TrimSpace(name))
		}
	}
	want := []string{
		"message_start", "content_block_start", "ping", "content_block_delta", "content_block_delta", "content_block_stop",
		"content_block_start", "content_block_delta", "content_block_delta", "content_block_stop", "message_delta", "message_stop",
	}
	if d := cmp.Diff(want, names); d != "" {
		t.Error(d)
	}
	const last = `data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":5,`
	if !strings.Contains(got.body, last) {
		t.Errorf("no %s in %s", last, got.body)
	}
	if typ := got.header.Get("Content-Type"); typ != "text/event-stream; charset=utf-8" {
		t.Errorf("content-type %q", typ)
	}
}

// gzip comes although identity alone was accepted.
func TestGzipUnasked(t *testing.T) {
	v := faketest.Anthropic(t, fake.Options{Key: key})
	for _, stream := range []bool{false, true} {
		got := do(t, v.URL()+"/v1/messages", messages("gzip", stream))
		if got.header.Get("Content-Encoding") != "gzip" || !strings.HasPrefix(got.body, "\x1f\x8b") {
			t.Errorf("stream %t: not compressed: %v", stream, got.header)
		}
	}
}

// A client that leaves a hanging answer is seen to have left.
func TestHangAndLeave(t *testing.T) {
	v := faketest.Anthropic(t, fake.Options{Key: key})
	ctx, leave := context.WithCancel(t.Context())
	resp, err := http.DefaultTransport.RoundTrip(request(ctx, v.URL()+"/v1/messages?beta=true", messages("hang:2", true)))
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	if n, err := resp.Body.Read(buf); err != nil || !strings.HasPrefix(string(buf[:n]), "event: message_start") {
		t.Fatalf("got %q, %v", buf[:n], err)
	}
	leave()
	resp.Body.Close()
	got, err := v.Await(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	want := []fake.Request{{
		Method: "POST", Host: v.Addr(), Path: "/v1/messages", Query: "beta=true", Proto: "HTTP/1.1",
		Body: []byte(messages("hang:2", true)), Ended: fake.EndedCanceled,
	}}
	if key := got[0].Header.Get("Anthropic-Version"); key != "2023-06-01" {
		t.Errorf("recorded headers %v", got[0].Header)
	}
	got[0].Header = nil
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// Close ends what hangs.
func TestCloseEndsHangs(t *testing.T) {
	v, err := fake.StartOpenAI(t.Context(), fake.Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(request(t.Context(), v.URL()+"/v1/chat/completions", messages("hang", true)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	v.Close()
	v.Close()
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the answer ended well")
	}
}

func TestAbortIsRecorded(t *testing.T) {
	v := faketest.Anthropic(t, fake.Options{Key: key})
	resp, err := http.DefaultTransport.RoundTrip(request(t.Context(), v.URL()+"/v1/messages", messages("reset", true)))
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "reset") {
		t.Errorf("got %v, want a reset", err)
	}
	got, _ := v.Await(t.Context(), 1)
	if got[0].Ended != fake.EndedAborted {
		t.Errorf("ended %q, want %q", got[0].Ended, fake.EndedAborted)
	}
	v.Reset()
	if n := len(v.Requests()); n != 0 {
		t.Errorf("%d requests after Reset", n)
	}
}

func TestSlowHeaders(t *testing.T) {
	v := faketest.Anthropic(t, fake.Options{Key: key})
	ctx, leave := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer leave()
	if resp, err := http.DefaultTransport.RoundTrip(request(ctx, v.URL()+"/v1/messages", messages("slow-headers:1h", true))); err == nil {
		t.Errorf("got status %d before the hour was over", resp.StatusCode)
	}
}

func TestListenLoopbackOnly(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "localhost:0", "192.0.2.1:80", "nonsense"} {
		if v, err := fake.StartAnthropic(t.Context(), fake.Options{Listen: addr}); err == nil {
			v.Close()
			t.Errorf("listens on %s", addr)
		}
	}
}

func TestNoKeyRefusesAll(t *testing.T) {
	v := faketest.Anthropic(t, fake.Options{})
	if got := do(t, v.URL()+"/v1/messages", messages("", false)); got.status != http.StatusUnauthorized {
		t.Errorf("status %d", got.status)
	}
}
