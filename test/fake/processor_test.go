package fake_test

import (
	"context"
	"os"
	"runtime"
	"strings"
	"testing"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	procmode "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"bartizan/test/fake"
	"bartizan/test/fake/faketest"
)

// exchange is what Envoy says about a request with a body and an answer in two chunks.
func exchange() []*extproc.ProcessingRequest {
	headers := &extproc.HttpHeaders{Headers: &core.HeaderMap{}}
	modes := &extproc.ProtocolConfiguration{
		RequestBodyMode: procmode.ProcessingMode_BUFFERED, ResponseBodyMode: procmode.ProcessingMode_FULL_DUPLEX_STREAMED,
	}
	chunk := func(s string, end bool) *extproc.ProcessingRequest {
		return &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_ResponseBody{
			ResponseBody: &extproc.HttpBody{Body: []byte(s), EndOfStream: end},
		}}
	}
	return []*extproc.ProcessingRequest{
		{Request: &extproc.ProcessingRequest_RequestHeaders{RequestHeaders: headers}, ProtocolConfig: modes},
		{Request: &extproc.ProcessingRequest_RequestBody{RequestBody: &extproc.HttpBody{Body: []byte("{}"), EndOfStream: true}}},
		{Request: &extproc.ProcessingRequest_ResponseHeaders{ResponseHeaders: headers}},
		chunk("first", false), chunk("", true),
	}
}

// told renders an answer: its kind, its chunk, its stamp.
func toldBy(r *extproc.ProcessingResponse) string {
	kind := "nothing"
	switch m := r.Response.(type) {
	case *extproc.ProcessingResponse_RequestHeaders:
		kind = "request_headers"
	case *extproc.ProcessingResponse_RequestBody:
		kind = "request_body"
	case *extproc.ProcessingResponse_ResponseHeaders:
		kind = "response_headers"
	case *extproc.ProcessingResponse_ResponseBody:
		c := m.ResponseBody.GetResponse().GetBodyMutation().GetStreamedResponse()
		kind = "response_body:" + string(c.GetBody())
		if c.GetEndOfStream() {
			kind += "."
		}
	}
	if r.DynamicMetadata.GetFields()["bartizan"].GetStructValue().GetFields()["request"].GetStringValue() == "judged" {
		kind += "+stamp"
	}
	return kind
}

// converse sends the messages of an exchange and returns the answers, each but the last of which it awaits, and how the
// stream ended. extra answers to one message show as such.
func converse(t *testing.T, socket string, messages []*extproc.ProcessingRequest) (said []string) {
	t.Helper()
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := extproc.NewExternalProcessorClient(conn).Process(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if stream.Send(m) != nil {
			break // the reason comes with Recv
		}
		r, err := stream.Recv()
		if err != nil {
			return append(said, end(err))
		}
		said = append(said, toldBy(r))
	}
	stream.CloseSend()
	for {
		r, err := stream.Recv()
		if err != nil {
			return append(said, end(err))
		}
		said = append(said, toldBy(r))
	}
}

// end is the status that a stream ended with. The client's own half-close comes back from our services as an error: they
// never end with OK of themselves.
func end(err error) string {
	if err.Error() == "EOF" {
		return "OK"
	}
	return status.Code(err).String()
}

const wellAnswered = "request_headers request_body+stamp response_headers response_body:first response_body:. Unknown"

func TestProcessor(t *testing.T) {
	p := faketest.Processor(t, fake.ProcessorOptions{})
	for _, c := range []struct {
		name  string
		wrong fake.Misbehaviour
		want  string
	}{
		{"well", fake.Misbehaviour{}, wellAnswered},
		{"ok at headers", fake.Misbehaviour{Fault: fake.FaultCloseOK, Phase: fake.PhaseRequestHeaders}, "OK"},
		{"ok at body", fake.Misbehaviour{Fault: fake.FaultCloseOK, Phase: fake.PhaseRequestBody}, "request_headers OK"},
		{
			"error in mid-response",
			fake.Misbehaviour{Fault: fake.FaultCloseError, Phase: fake.PhaseResponseBody, After: 1},
			"request_headers request_body+stamp response_headers response_body:first Internal",
		},
		{"abort", fake.Misbehaviour{Fault: fake.FaultAbort, Phase: fake.PhaseRequestBody}, "request_headers Unavailable"},
		{
			"wrong message",
			fake.Misbehaviour{Fault: fake.FaultWrongMessage, Phase: fake.PhaseRequestBody},
			"request_headers response_headers response_headers response_body:first response_body:. Unknown",
		},
		{
			"wrong message at response",
			fake.Misbehaviour{Fault: fake.FaultWrongMessage, Phase: fake.PhaseResponseHeaders},
			"request_headers request_body+stamp request_headers response_body:first response_body:. Unknown",
		},
		{
			"two answers",
			fake.Misbehaviour{Fault: fake.FaultTwoAnswers, Phase: fake.PhaseResponseBody, After: 1},
			"request_headers request_body+stamp response_headers response_body:first response_body:. response_body:. Unknown",
		},
		{
			"empty answer",
			fake.Misbehaviour{Fault: fake.FaultEmptyAnswer, Phase: fake.PhaseRequestHeaders},
			"nothing request_body+stamp response_headers response_body:first response_body:. Unknown",
		},
		{
			"no stamp",
			fake.Misbehaviour{Fault: fake.FaultNoStamp},
			"request_headers request_body response_headers response_body:first response_body:. Unknown",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.Misbehave(c.wrong)
			if d := cmp.Diff(c.want, strings.Join(converse(t, p.Socket(), exchange()), " ")); d != "" {
				t.Error(d)
			}
		})
	}
	if p.Streams() != 10 || p.Seen(fake.PhaseRequestHeaders) != 10 || p.Seen(fake.PhaseResponseBody) == 0 {
		t.Errorf("streams %d, seen %d and %d", p.Streams(), p.Seen(fake.PhaseRequestHeaders), p.Seen(fake.PhaseResponseBody))
	}
}

// Silence lasts until Close.
func TestProcessorNoAnswer(t *testing.T) {
	p, err := fake.StartProcessor(t.Context(), fake.ProcessorOptions{
		Misbehaviour: fake.Misbehaviour{Fault: fake.FaultNoAnswer, Phase: fake.PhaseRequestHeaders},
	})
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan []string)
	go func() { said <- converse(t, p.Socket(), exchange()) }()
	for p.Streams() == 0 {
		select {
		case s := <-said:
			t.Fatalf("answered %v", s)
		default:
			runtime.Gosched()
		}
	}
	p.Close()
	if got := <-said; len(got) != 1 || got[0] == "OK" {
		t.Errorf("got %v, want an error alone", got)
	}
	if _, err := os.Stat(p.Socket()); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// A request without a body is stamped with its headers.
func TestNoopStampsWithoutBody(t *testing.T) {
	p := faketest.Processor(t, fake.ProcessorOptions{})
	only := exchange()[:1]
	only[0].GetRequestHeaders().EndOfStream = true
	if got := strings.Join(converse(t, p.Socket(), only), " "); got != "request_headers+stamp Unknown" {
		t.Errorf("got %q", got)
	}
}

// BenchmarkNoop is the floor of an exchange on the Go side: five messages over a Unix socket, client included.
func BenchmarkNoop(b *testing.B) {
	server := grpc.NewServer()
	extproc.RegisterExternalProcessorServer(server, fake.NewNoopProcessor())
	conn := serveUnix(b, server)
	client := extproc.NewExternalProcessorClient(conn)
	messages := exchange()
	b.ReportAllocs()
	for b.Loop() {
		ctx, cancel := context.WithCancel(b.Context())
		stream, err := client.Process(ctx)
		if err != nil {
			b.Fatal(err)
		}
		for _, m := range messages {
			if err := stream.Send(m); err != nil {
				b.Fatal(err)
			}
			if _, err := stream.Recv(); err != nil {
				b.Fatal(err)
			}
		}
		cancel()
	}
}

func TestNoop(t *testing.T) {
	server := grpc.NewServer()
	extproc.RegisterExternalProcessorServer(server, fake.NewNoopProcessor())
	conn := serveUnix(t, server)
	got := strings.Join(converse(t, strings.TrimPrefix(conn.Target(), "unix://"), exchange()), " ")
	if d := cmp.Diff(wellAnswered, got); d != "" {
		t.Error(d)
	}
}
