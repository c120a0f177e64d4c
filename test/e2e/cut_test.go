package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"

	"bartizan/test/fake"
)

// endless is a stream whose third event is malformed and which would go on for a minute: who cuts it must say so upstream.
const endless = `stream:600 delay:100ms malformed:3`

// chat is a request to the fake OpenAI.
func chat(stream bool, script string) string {
	return fmt.Sprintf(`{"model":"gpt-5.5","stream":%t,"messages":[{"role":"user","content":%q}]}`, stream, "Hello. fake:"+script)
}

// TestCutStream: a stream with an event that cannot be judged ends well-formed, with our words, and so does the upstream's request.
func TestCutStream(t *testing.T) {
	w := shared
	for _, c := range []struct {
		protocol string
		of       *fake.Recorder
		request  func() *http.Request
		last     string // the events with which the answer ends
	}{
		{
			"anthropic", &w.anthropic.Recorder, func() *http.Request { return w.messages(t, aliceKey, "claude-sonnet-5", endless, true) },
			"event: error\ndata: %s\n\n",
		},
		{
			"openai", &w.openAI.Recorder, func() *http.Request { return w.post(t, "/openai/v1/chat/completions", bobKey, chat(true, endless)) },
			"data: %s\n\ndata: [DONE]\n\n",
		},
	} {
		for _, by := range []way{{"HTTP 1", false, true}, {"HTTP 2", true, true}} {
			t.Run(c.protocol+" "+by.name, func(t *testing.T) {
				req := c.request()
				name := tagged(req)
				a := callBy(t, by, req) // io.ReadAll without error: the last chunk, or END_STREAM
				if a.err != nil || a.status != http.StatusOK {
					t.Fatalf("%d, error %v", a.status, a.err)
				}
				head, tail, _ := strings.Cut(c.last, "%s")
				at := strings.LastIndex(strings.TrimSuffix(a.body, tail), head) + len(head)
				said := strings.TrimSuffix(a.body[at:], tail)
				if !strings.HasSuffix(a.body, tail) || !json.Valid([]byte(said)) || !strings.Contains(said, "Refused by Bartizan") || !strings.Contains(said, `"error"`) {
					t.Errorf("the stream ends with %q", said)
				}
				if strings.Contains(a.body, "text_de\n") || !strings.Contains(a.body, "event") && c.protocol == "anthropic" {
					t.Errorf("the malformed event passed, or nothing did: %q", a.body)
				}
				if how := w.endedUpstream(t, c.of, name); how != fake.EndedCanceled {
					t.Errorf("the upstream's exchange %s, want canceled", how)
				}
				r := w.recordOf(t, name)
				if own := r.Unmapped.Bartizan; r.Own().Outcome != "error" || own.EndedBy != "gateway" || own.Refusal.Kind != "upstream" ||
					r.Response.Code != http.StatusOK || own.Response.Complete || !strings.HasPrefix(r.Own().Detail, "cut: ") {
					t.Errorf("record %s", r.Raw)
				}
			})
		}
	}
}

// TestCutShownBySDKs: the vendors' SDKs report our words, after one try.
func TestCutShownBySDKs(t *testing.T) {
	w := shared
	name := tag()
	one := w.anthropicClient(aliceKey, anthropicoption.WithHeader("user-agent", name))
	stream := one.Messages.NewStreaming(t.Context(), ask("claude-sonnet-5", "Hello. fake:malformed:4"))
	events := 0
	for stream.Next() {
		events++
	}
	var api *anthropic.Error
	if err := stream.Err(); err == nil || events == 0 || !strings.Contains(err.Error(), "Refused by Bartizan") {
		t.Errorf("anthropic: %d events, error %v (%t)", events, err, errors.As(err, &api))
	}
	if tries := len(w.upstreamOf(name)); tries != 1 {
		t.Errorf("anthropic: %d tries", tries)
	}
	name = tag()
	other := openai.NewClient(openaioption.WithBaseURL(w.URL+"/openai/v1"), openaioption.WithAPIKey(bobKey), openaioption.WithHeader("user-agent", name))
	chunks := other.Chat.Completions.NewStreaming(t.Context(), openai.ChatCompletionNewParams{
		Model: "gpt-5.5", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Hello. fake:malformed:2")},
	})
	events = 0
	for chunks.Next() {
		events++
	}
	if err := chunks.Err(); err == nil || events == 0 || !strings.Contains(err.Error(), "Refused by Bartizan") {
		t.Errorf("openai: %d events, error %v", events, err)
	}
	if tries := len(w.upstreamOf(name)); tries != 1 {
		t.Errorf("openai: %d tries", tries)
	}
}

// TestBrokenStreams: what a vendor does in the middle of a stream.
func TestBrokenStreams(t *testing.T) {
	w := shared
	for _, c := range []struct {
		script           string
		broken           bool   // the client's connection breaks: the answer is not whole, and nothing says it is
		says             string // in the body
		outcome, endedBy string
		complete         bool
	}{
		{"delay:500ms reset:3", true, "", "error", "envoy", false},
		{"error-event", false, "overloaded_error", "allow", "upstream", false},
		{"cut:3", false, "", "allow", "upstream", false},
		{"unknown:3", false, "moon_phase", "allow", "upstream", true},
	} {
		for _, by := range []way{{"HTTP 1", false, true}, {"HTTP 2", true, true}} {
			t.Run(c.script+" "+by.name, func(t *testing.T) {
				req := w.messages(t, aliceKey, "claude-sonnet-5", c.script, true)
				name := tagged(req)
				a := callBy(t, by, req)
				if a.status != http.StatusOK || (a.err != nil) != c.broken || !strings.Contains(a.body, c.says) || !strings.Contains(a.body, "message_start") {
					t.Errorf("%d %q, error %v", a.status, a.body, a.err)
				}
				r := w.recordOf(t, name)
				own := r.Unmapped.Bartizan
				if r.Own().Outcome != c.outcome || own.EndedBy != c.endedBy || own.Response.Complete != c.complete || r.Response.Code != http.StatusOK {
					t.Errorf("record %s", r.Raw)
				}
			})
		}
	}
}

// TestClientLeaves: an exchange that its client left has a record that says so, with the status that the client had got.
func TestClientLeaves(t *testing.T) {
	w := shared
	t.Run("before the end of the body", func(t *testing.T) {
		for _, h2 := range []bool{false, true} {
			body, feed := io.Pipe()
			ctx, leave := context.WithCancel(t.Context())
			req := w.post(t, "/anthropic/v1/messages", aliceKey, "").WithContext(ctx)
			req.Body, req.ContentLength, req.GetBody = body, 1000, nil
			name := tagged(req)
			gone := make(chan error)
			go func() {
				_, err := clientOf(t, h2).Do(req)
				gone <- err
			}()
			io.WriteString(feed, `{"model":`)
			leave()
			feed.CloseWithError(context.Canceled)
			if err := <-gone; err == nil {
				t.Error("the client got an answer")
			}
			r := w.recordOf(t, name)
			left(t, r, 0)
			if len(w.upstreamOf(name)) > 0 {
				t.Error("the upstream was called")
			}
		}
	})
	for _, c := range []struct {
		name, script string
		stream       bool
		status       int
	}{
		{"in the middle of a stream", "stream:600 delay:100ms", true, http.StatusOK},
		{"during slow headers", "slow-headers:60s", false, 0},
		{"during slow headers of a stream", "slow-headers:60s", true, 0},
		{"in a held answer", "hang:1", false, 0},
	} {
		for _, h2 := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, " HTTP/2 ", h2), func(t *testing.T) {
				ctx, leave := context.WithCancel(t.Context())
				req := w.messages(t, aliceKey, "claude-sonnet-5", c.script, c.stream).WithContext(ctx)
				name := tagged(req)
				gone := make(chan error)
				go func() { gone <- begin(clientOf(t, h2), req, leave) }()
				if c.status == 0 {
					w.arrived(t, name)
					leave()
				}
				if err := <-gone; !errors.Is(err, context.Canceled) {
					t.Errorf("error %v", err)
				}
				left(t, w.recordOf(t, name), c.status)
				if how := w.endedUpstream(t, &w.anthropic.Recorder, name); how != fake.EndedCanceled {
					t.Errorf("the upstream's exchange %s, want canceled", how)
				}
			})
		}
	}
}

// begin reads the first line of an answer, then leaves.
func begin(client *http.Client, req *http.Request, leave func()) error {
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	if _, err := lines.ReadString('\n'); err != nil {
		return err
	}
	leave()
	_, err = io.Copy(io.Discard, lines)
	return err
}

// arrived waits until a tagged request is at an upstream.
func (w *world) arrived(t *testing.T, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond) // a Recorder tells of ends, not of arrivals
	defer tick.Stop()
	for len(w.upstreamOf(name)) == 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s did not arrive: %v", name, ctx.Err())
		}
	}
}

func left(t *testing.T, r fact, status int) {
	t.Helper()
	if r.Own().Outcome != "aborted" || r.Unmapped.Bartizan.EndedBy != "client" || r.Response.Code != status {
		t.Errorf("want an aborted exchange, ended by the client, status %d: %s", status, r.Raw)
	}
}
