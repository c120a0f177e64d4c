package stream_test

import (
	"strings"
	"testing"
	"time"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"bartizan/extproc/cause"
	"bartizan/extproc/stream"
	"bartizan/extproc/tries"
)

// exchange is the messages of one exchange.
func exchange(t testing.TB, dialect, mediaType string, body []string) []*extproc.ProcessingRequest {
	t.Helper()
	var messages []*extproc.ProcessingRequest
	for _, in := range append(judged[dialect][:2:2], "response_headers :status=200 content-type="+mediaType) {
		verb, rest, _ := strings.Cut(in, " ")
		messages = append(messages, message(t, verb, rest))
	}
	for _, b := range append(body, "") {
		messages = append(messages, &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_ResponseBody{ResponseBody: &extproc.HttpBody{Body: []byte(b), EndOfStream: b == ""}}})
	}
	return messages
}

// BenchmarkExchange is what one exchange costs beside gRPC and the record: headers, identity, decoding, three rules, the answer.
func BenchmarkExchange(b *testing.B) {
	events := strings.SplitAfter(anthropicAnswer(200), "\n\n")
	chunks := strings.SplitAfter(openaiAnswer(200), "\n\n")
	text := strings.Repeat("word ", 2000)
	for _, bb := range []struct {
		name, dialect, mediaType string
		body                     []string
	}{
		{"anthropic/json", "anthropic", "application/json", []string{`{"id":"m","type":"message","role":"assistant","model":"claude-sonnet-5","content":[{"type":"text","text":"` + text + `"}],"stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":7}}`}},
		{"openai/json", "openai", "application/json", []string{`{"id":"c","object":"chat.completion","created":1,"model":"gpt-6","choices":[{"index":0,"message":{"role":"assistant","content":"` + text + `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":7,"total_tokens":17}}`}},
		{"anthropic/sse200", "anthropic", "text/event-stream", events[:len(events)-1]},
		{"openai/sse200", "openai", "text/event-stream", chunks[:len(chunks)-1]},
	} {
		b.Run(bb.name, func(b *testing.B) {
			bundle, stamp := testBundle(b, "durable"), stream.NewStamp("bench")
			messages := exchange(b, bb.dialect, bb.mediaType, bb.body)
			b.ReportAllocs()
			for b.Loop() {
				m := stream.New(stream.Config{ID: "0193-bench", Bundle: bundle, Stamp: stamp, Clock: time.Now, Causes: cause.New(time.Now, nil), Tries: tries.New(time.Now)})
				for _, msg := range messages {
					m.Step(msg)
				}
				if m.Phase() != stream.Ended {
					b.Fatalf("phase %v: %v", m.Phase(), m.Status())
				}
			}
		})
	}
}

// TestExchangeAllocations holds what the benchmark showed, with some air.
func TestExchangeAllocations(t *testing.T) {
	bundle, stamp := testBundle(t, "durable"), stream.NewStamp("bench")
	events := strings.SplitAfter(anthropicAnswer(200), "\n\n")
	messages := exchange(t, "anthropic", "text/event-stream", events[:len(events)-1])
	allocs := testing.AllocsPerRun(50, func() {
		m := stream.New(stream.Config{ID: "0193-bench", Bundle: bundle, Stamp: stamp, Clock: time.Now, Causes: cause.New(time.Now, nil), Tries: tries.New(time.Now)})
		for _, msg := range messages {
			m.Step(msg)
		}
	})
	if perEvent := allocs / 200; perEvent > maxAllocsPerEvent {
		t.Errorf("%.0f allocations an exchange, %.1f an event; want no more than %d", allocs, perEvent, maxAllocsPerEvent)
	}
}

const maxAllocsPerEvent = 3
