package server_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"bartizan/extproc/audit"
	"bartizan/extproc/bundle"
	"bartizan/extproc/cause"
	"bartizan/extproc/server"
	"bartizan/test/load/sample"
	"bartizan/xds/snapshot"
	"bartizan/xds/source"
)

// The benchmarks play what Envoy says to the real service over a Unix socket, with the rules and requests of test/load and the audit
// on disk. The time is that of both ends; for ours alone: go test -cpuprofile and pprof -focus 'server.*Process|audit'.

// BenchmarkExchange is a whole exchange, one at a time.
func BenchmarkExchange(b *testing.B) {
	whole := [][]byte{jsonAnswer(10 << 10)}
	for _, c := range []struct {
		name      string
		body      []byte
		mediaType string
		answer    [][]byte
	}{
		{"small", sample.Small(false), "application/json", whole},
		{"conversation", sample.Conversation(), "application/json", whole},
		{"events", sample.Small(true), "text/event-stream", eventAnswer(200)},
	} {
		b.Run(c.name, func(b *testing.B) {
			client := start(b)
			b.ReportAllocs()
			for b.Loop() {
				exchange(b, client, c.body, c.mediaType, c.answer)
			}
		})
	}
}

// start serves until the benchmark ends.
func start(b *testing.B) extproc.ExternalProcessorClient {
	b.Helper()
	log, err := audit.Open(audit.Config{Dir: b.TempDir(), MaxSpool: 16 << 30})
	if err != nil {
		b.Fatal(err)
	}
	compiled := compile(b)
	s := server.New(server.Config{
		Causes:   cause.New(time.Now, nil),
		Instance: "bench", Bundle: func() *bundle.Bundle { return compiled }, Audit: log, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	})
	socket := filepath.Join(b.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		conn.Close()
		s.Drain(context.WithoutCancel(b.Context()))
		if err := errors.Join(<-served, log.Close(context.WithoutCancel(b.Context()))); err != nil {
			b.Error(err)
		}
	})
	return extproc.NewExternalProcessorClient(conn)
}

func compile(b *testing.B) *bundle.Bundle {
	b.Helper()
	files := map[string][]byte{}
	for name, text := range sample.Policies("http://127.0.0.1:1") {
		files[name] = []byte(text)
	}
	snap, mistakes := snapshot.Build(source.Tree{Commit: "c0ffee", Files: files}, snapshot.Options{SecretsDir: "/secrets"})
	if len(mistakes) > 0 {
		b.Fatal(mistakes.Error())
	}
	out, err := bundle.Compile(snap.Bundle)
	if err != nil {
		b.Fatal(err)
	}
	return out
}

// exchange says what Envoy says, waits for each answer as Envoy does, and leaves as Envoy does.
func exchange(b *testing.B, client extproc.ExternalProcessorClient, body []byte, mediaType string, answer [][]byte) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	rpc, err := client.Process(ctx)
	if err != nil {
		b.Fatal(err)
	}
	ask(b, rpc, requestHeaders(len(body)), 1)
	ask(b, rpc, &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_RequestBody{RequestBody: &extproc.HttpBody{Body: body, EndOfStream: true}}}, 1)
	held := mediaType != "text/event-stream" // the answer to the headers then comes with the last part of the body
	if held {
		ask(b, rpc, responseHeaders(mediaType), 0)
	} else {
		ask(b, rpc, responseHeaders(mediaType), 1)
	}
	for _, part := range answer {
		if held {
			ask(b, rpc, responseBody(part, false), 0)
		} else {
			ask(b, rpc, responseBody(part, false), 1)
		}
	}
	if held {
		ask(b, rpc, responseBody(nil, true), 2)
	} else {
		ask(b, rpc, responseBody(nil, true), 1)
	}
	cancel()
	if _, err := rpc.Recv(); status.Code(err) != codes.Canceled && !errors.Is(err, io.EOF) {
		b.Fatalf("the stream ended with %v", err)
	}
}

func ask(b *testing.B, rpc extproc.ExternalProcessor_ProcessClient, msg *extproc.ProcessingRequest, answers int) {
	if err := rpc.Send(msg); err != nil {
		b.Fatal(err)
	}
	for range answers {
		got, err := rpc.Recv()
		if err != nil {
			b.Fatal(err)
		}
		if got.GetImmediateResponse() != nil {
			b.Fatalf("refused: %s", got.GetImmediateResponse().GetBody())
		}
	}
}

// requestHeaders are those that Envoy sends on for a coding agent.
func requestHeaders(length int) *extproc.ProcessingRequest {
	attributes := &structpb.Struct{Fields: map[string]*structpb.Value{
		"xds.route_name": structpb.NewStringValue("llm/anthropic/messages"), "source.address": structpb.NewStringValue("127.0.0.1:50000"),
	}}
	return &extproc.ProcessingRequest{
		ProtocolConfig: &extproc.ProtocolConfiguration{
			RequestBodyMode: filterv3.ProcessingMode_BUFFERED, ResponseBodyMode: filterv3.ProcessingMode_FULL_DUPLEX_STREAMED,
		},
		Attributes: map[string]*structpb.Struct{"envoy.filters.http.ext_proc": attributes},
		Request: &extproc.ProcessingRequest_RequestHeaders{RequestHeaders: &extproc.HttpHeaders{Headers: headerMap(
			":authority", "127.0.0.1:8080", ":path", sample.Path, ":method", "POST", ":scheme", "http", "user-agent", "claude-cli/2.1.0 (external, cli)",
			"accept", "application/json", "content-type", "application/json", "anthropic-version", "2023-06-01", "x-api-key", sample.Key,
			"content-length", strconv.Itoa(length), "x-forwarded-proto", "http", "x-request-id", "4a8f8a0e-3f0e-9d6c-8a53-0f9c3c1f7f11",
		)}},
	}
}

func responseHeaders(mediaType string) *extproc.ProcessingRequest {
	return &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_ResponseHeaders{ResponseHeaders: &extproc.HttpHeaders{Headers: headerMap(
		":status", "200", "content-type", mediaType, "date", "Mon, 23 Nov 2026 12:00:00 GMT", "request-id", "req_load", "x-envoy-upstream-service-time", "1",
	)}}}
}

func responseBody(part []byte, last bool) *extproc.ProcessingRequest {
	return &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_ResponseBody{ResponseBody: &extproc.HttpBody{Body: part, EndOfStream: last}}}
}

func headerMap(pairs ...string) *corev3.HeaderMap {
	m := &corev3.HeaderMap{}
	for i := 0; i < len(pairs); i += 2 {
		m.Headers = append(m.Headers, &corev3.HeaderValue{Key: pairs[i], RawValue: []byte(pairs[i+1])})
	}
	return m
}

// jsonAnswer is a Messages answer of about size bytes.
func jsonAnswer(size int) []byte {
	return []byte(`{"id":"msg_load","type":"message","role":"assistant","model":"claude-load","content":[{"type":"text","text":"` +
		strings.Repeat("The quick brown fox. ", size/21) + `"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":250,"output_tokens":300}}`)
}

// eventAnswer is a streamed answer of n events, one a chunk.
func eventAnswer(n int) [][]byte {
	event := func(name, rest string) []byte {
		return []byte("event: " + name + "\ndata: {\"type\":\"" + name + "\"" + rest + "}\n\n")
	}
	out := [][]byte{
		event("message_start", `,"message":{"id":"msg_load","type":"message","role":"assistant","model":"claude-load","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":250,"output_tokens":1}}`),
		event("content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`),
	}
	for range n - 5 {
		out = append(out, event("content_block_delta", `,"index":0,"delta":{"type":"text_delta","text":"The quick brown fox jumps over the lazy dog"}`))
	}
	return append(out, event("content_block_stop", `,"index":0`),
		event("message_delta", `,"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":300}`), event("message_stop", ""))
}
