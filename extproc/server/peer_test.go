package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"bartizan/extproc/audit"
	"bartizan/extproc/bundle"
	"bartizan/extproc/cause"
	"bartizan/filters"
	"bartizan/filters/llm"
	"bartizan/xds/bundlepb"
)

// auditor keeps what it is given.
type auditor struct {
	admit, durable error
	panics         bool

	mu      sync.Mutex
	records []filters.Record
	came    chan struct{} // a token for each record, as far as there is room
}

func newAuditor() *auditor { return &auditor{came: make(chan struct{}, 1<<10)} }

func (a *auditor) Admit() error { return a.admit }

func (a *auditor) Append(r *filters.Record, _ audit.Options) error {
	if a.panics {
		panic("append")
	}
	a.mu.Lock()
	a.records = append(a.records, *r)
	a.mu.Unlock()
	a.came <- struct{}{}
	return nil
}

func (a *auditor) AppendDurable(_ context.Context, r *filters.Record, o audit.Options) error {
	if a.durable != nil {
		return a.durable
	}
	return a.Append(r, o)
}

// all returns the records so far, as "outcome ended_by status".
func (a *auditor) all() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for _, r := range a.records {
		line := string(r.Outcome) + " " + string(r.EndedBy) + " " + strconv.Itoa(r.Status)
		if r.Phase == filters.PhaseIntent {
			line = "intent " + string(r.Outcome)
		}
		out = append(out, line)
	}
	return out
}

func (a *auditor) details() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for _, r := range a.records {
		out = append(out, r.Detail)
	}
	return strings.Join(out, "\n")
}

// wait returns once n more records have come.
func (a *auditor) wait(t *testing.T, n int) {
	t.Helper()
	for range n {
		select {
		case <-a.came:
		case <-time.After(10 * time.Second):
			t.Fatalf("no record came; there are %q", a.all())
		}
	}
}

// fragile panics where a body says so.
type fragile struct{ filters.Codec }

func (f fragile) DecodeRequest(x *filters.Exchange, body []byte) error {
	if strings.Contains(string(body), "PANIC") {
		panic("decode")
	}
	return f.Codec.DecodeRequest(x, body)
}

func (f fragile) Response(x *filters.Exchange, judge filters.AnswerJudge) (filters.ResponseReader, error) {
	r, err := f.Codec.Response(x, judge)
	return fragileReader{r}, err
}

type fragileReader struct{ filters.ResponseReader }

func (f fragileReader) Write(p []byte) ([]byte, error) {
	if strings.Contains(string(p), "PANIC") {
		panic("read")
	}
	return f.ResponseReader.Write(p)
}

func testBundle(t testing.TB, mode string, requestBytes int64) *bundle.Bundle {
	t.Helper()
	digest := sha256.Sum256([]byte("bz-alice"))
	b, err := bundle.CompileFor(&bundlepb.Bundle{
		Version: "v1", Commit: "c0ffee",
		Routes:      []*bundlepb.Route{{Name: "llm", Surface: "llm", Target: "anthropic", Dialect: "anthropic", Operation: "messages"}},
		VirtualKeys: []*bundlepb.VirtualKey{{Name: "alice-laptop", Sha256: digest[:], User: "alice"}},
		Audit:       &bundlepb.Audit{Mode: mode}, Limits: &bundlepb.Limits{RequestBytes: requestBytes},
	}, func(name string) (filters.Codec, bool) {
		c, ok := llm.Codec(name)
		return fragile{c}, ok
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// bench is a server with what it stands on.
type bench struct {
	*Server
	audit *auditor
	reg   *prometheus.Registry
}

func newBench(t testing.TB, mode string, change func(*Config)) *bench {
	t.Helper()
	b := testBundle(t, mode, 40<<20)
	out := &bench{audit: newAuditor(), reg: prometheus.NewRegistry()}
	cfg := Config{Instance: "me", Bundle: func() *bundle.Bundle { return b }, Causes: cause.New(time.Now, nil), Audit: out.audit, Log: slog.New(slog.DiscardHandler), Registry: out.reg}
	if change != nil {
		change(&cfg)
	}
	out.Server = New(cfg)
	return out
}

// metric sums the samples of one name whose labels include value; empty: all.
func (b *bench) metric(t *testing.T, name, value string) float64 {
	t.Helper()
	families, err := b.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum, found := 0.0, false
	for _, f := range families {
		for _, m := range f.GetMetric() {
			matches := value == ""
			for _, l := range m.GetLabel() {
				matches = matches || l.GetValue() == value
			}
			if f.GetName() == name && matches {
				sum, found = sum+m.GetCounter().GetValue()+m.GetGauge().GetValue(), true
			}
		}
	}
	if !found {
		t.Fatalf("no metric %s{%s}", name, value)
	}
	return sum
}

// envoy is one side of an ext_proc stream: a real gRPC client, or a pipe.
type envoy interface {
	Send(*extproc.ProcessingRequest) error
	Recv() (*extproc.ProcessingResponse, error)
}

// pipe is an ext_proc stream without a network, for tests in which time is not real.
type pipe struct {
	grpc.ServerStream
	ctx    context.Context
	cancel context.CancelFunc
	in     chan *extproc.ProcessingRequest
	out    chan *extproc.ProcessingResponse
	breaks error // what the server's Recv says once the pipe is closed
	deaf   error // what the server's Send says; nil: it is heard
	done   chan error
}

// open runs a stream of s. It ends as gRPC ends it: the context with the handler.
func (b *bench) open() *pipe {
	ctx, cancel := context.WithCancel(context.Background())
	p := &pipe{ctx: ctx, cancel: cancel, in: make(chan *extproc.ProcessingRequest), out: make(chan *extproc.ProcessingResponse, 8), done: make(chan error, 1)}
	go func() {
		err := b.Process(serverSide{p})
		cancel()
		p.done <- err
	}()
	return p
}

func (p *pipe) Send(m *extproc.ProcessingRequest) error {
	select {
	case p.in <- m:
		return nil
	case <-p.ctx.Done():
		return io.EOF
	}
}

func (p *pipe) Recv() (*extproc.ProcessingResponse, error) {
	select {
	case m := <-p.out:
		return m, nil
	case <-p.ctx.Done():
		select {
		case m := <-p.out:
			return m, nil
		default:
		}
		err := <-p.done
		p.done <- err
		if err == nil {
			err = io.EOF
		}
		return nil, err
	}
}

// end waits for the handler's status.
func (p *pipe) end() error {
	err := <-p.done
	p.done <- err
	return err
}

type serverSide struct{ *pipe }

func (s serverSide) Context() context.Context { return s.ctx }

func (s serverSide) Send(m *extproc.ProcessingResponse) error {
	if s.deaf != nil {
		return s.deaf
	}
	select {
	case s.out <- m:
		return nil
	case <-s.ctx.Done():
		return status.FromContextError(s.ctx.Err()).Err()
	}
}

func (s serverSide) Recv() (*extproc.ProcessingRequest, error) {
	select {
	case m, ok := <-s.in:
		if !ok {
			return nil, s.breaks
		}
		return m, nil
	case <-s.ctx.Done():
		return nil, status.FromContextError(s.ctx.Err()).Err()
	}
}

// serve starts the server on a Unix socket and returns a connection to it. The test ends both.
func (b *bench) serve(t *testing.T) *grpc.ClientConn {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	t.Cleanup(func() {
		b.grpc.Stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func dial(t *testing.T, conn *grpc.ClientConn) (extproc.ExternalProcessor_ProcessClient, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	s, err := extproc.NewExternalProcessorClient(conn).Process(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return s, cancel
}

func headerMap(pairs ...string) *corev3.HeaderMap {
	m := &corev3.HeaderMap{}
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		m.Headers = append(m.Headers, &corev3.HeaderValue{Key: name, RawValue: []byte(value)})
	}
	return m
}

func requestHeaders(id string, length int) *extproc.ProcessingRequest {
	attrs, _ := structpb.NewStruct(map[string]any{"xds.route_name": "llm", "source.address": "192.0.2.7:4711"})
	headers := headerMap(":method=POST", ":path=/v1/messages", "x-api-key=bz-alice", "x-request-id="+id)
	if length >= 0 {
		headers.Headers = append(headers.Headers, &corev3.HeaderValue{Key: "content-length", RawValue: []byte(strconv.Itoa(length))})
	}
	return &extproc.ProcessingRequest{
		Attributes:     map[string]*structpb.Struct{"envoy.filters.http.ext_proc": attrs},
		ProtocolConfig: &extproc.ProtocolConfiguration{RequestBodyMode: filterv3.ProcessingMode_BUFFERED, ResponseBodyMode: filterv3.ProcessingMode_FULL_DUPLEX_STREAMED},
		Request:        &extproc.ProcessingRequest_RequestHeaders{RequestHeaders: &extproc.HttpHeaders{Headers: headers}},
	}
}

func requestBody(body string) *extproc.ProcessingRequest {
	return &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_RequestBody{RequestBody: &extproc.HttpBody{Body: []byte(body), EndOfStream: true}}}
}

func responseHeaders(mediaType string) *extproc.ProcessingRequest {
	return &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_ResponseHeaders{ResponseHeaders: &extproc.HttpHeaders{Headers: headerMap(":status=200", "content-type="+mediaType)}}}
}

func responseBody(body string, last bool) *extproc.ProcessingRequest {
	return &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_ResponseBody{ResponseBody: &extproc.HttpBody{Body: []byte(body), EndOfStream: last}}}
}

const (
	goodBody = `{"model":"claude-sonnet-5","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}`
	ping     = "event: ping\ndata: {\"type\":\"ping\"}\n\n"
	sse      = "text/event-stream"
	inJSON   = "application/json"
)

// say sends messages.
func say(t testing.TB, e envoy, messages ...*extproc.ProcessingRequest) {
	t.Helper()
	for _, m := range messages {
		if err := e.Send(m); err != nil && !errors.Is(err, io.EOF) {
			t.Fatalf("send %T: %v", m.GetRequest(), err)
		}
	}
}

// hear receives one answer, in short: what it is, with its stamp, its status or the end of its body.
func hear(t testing.TB, e envoy) string {
	t.Helper()
	r, err := e.Recv()
	if errors.Is(err, io.EOF) {
		return "OK"
	}
	if err != nil {
		return status.Code(err).String()
	}
	stamp := r.GetDynamicMetadata().GetFields()["bartizan"].GetStructValue().GetFields()["request"].GetStringValue()
	switch v := r.GetResponse().(type) {
	case *extproc.ProcessingResponse_RequestHeaders:
		return "request headers " + stamp
	case *extproc.ProcessingResponse_RequestBody:
		return "request body " + stamp
	case *extproc.ProcessingResponse_ResponseHeaders:
		return "response headers"
	case *extproc.ProcessingResponse_ResponseBody:
		s := v.ResponseBody.GetResponse().GetBodyMutation().GetStreamedResponse()
		if s.GetEndOfStream() && strings.Contains(string(s.GetBody()), "event: error") {
			return "cut"
		}
		return map[bool]string{true: "last", false: "part"}[s.GetEndOfStream()]
	case *extproc.ProcessingResponse_ImmediateResponse:
		return strconv.Itoa(int(v.ImmediateResponse.GetStatus().GetCode())) + " " + v.ImmediateResponse.GetDetails()
	}
	return "unexpected answer"
}

// expect hears answers and compares them.
func expect(t testing.TB, e envoy, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := hear(t, e); got != w {
			t.Fatalf("heard %q, want %q", got, w)
		}
	}
}

// upTo leads a stream to the middle of a streamed answer.
func upTo(t testing.TB, e envoy, id string) {
	t.Helper()
	say(t, e, requestHeaders(id, len(goodBody)))
	expect(t, e, "request headers seen")
	say(t, e, requestBody(goodBody))
	expect(t, e, "request body judged")
	say(t, e, responseHeaders(sse), responseBody(ping, false))
	expect(t, e, "response headers", "part")
}
