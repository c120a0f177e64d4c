package stream

import (
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bartizan/extproc/audit"
	"bartizan/extproc/bundle"
	"bartizan/extproc/sealed"
	"bartizan/extproc/tries"
	"bartizan/filters"
	"bartizan/filters/mcp"
)

// Phase is what the machine waits for.
type Phase int

// The phases, in the order of an exchange.
const (
	AwaitRequestHeaders Phase = iota
	AwaitRequestBody
	AwaitResponseHeaders
	AwaitResponseBody
	Ended  // the answer went on to its end, or was refused or cut: only the stream's close is left
	Broken // the stream must end with Machine.Status
)

var phaseNames = [...]string{"request_headers", "request_body", "response_headers", "response_body", "ended", "broken"}

func (p Phase) String() string { return phaseNames[p] }

// Causes joins what models ask for with what is carried out and comes back. It must not block.
type Causes interface {
	Asked(x *filters.Exchange, calls []filters.ToolCall) // in the answer to x
	Cause(x *filters.Exchange) filters.Cause             // of the tools/call x
	Returned(x *filters.Exchange) []filters.ToolResult   // in the request x to a model
}

// Config is what a machine needs beside the messages. All fields but Sealed are required.
type Config struct {
	ID     string           // UUIDv7 of the exchange
	Bundle *bundle.Bundle   // pinned for the life of the stream
	Stamp  *Stamp           // shared by all streams of this process
	Clock  func() time.Time // for the times in the record, and the age of what is sealed
	Sealed *sealed.Key      // seals and opens callers; nil: there is no aggregator
	Causes Causes           // of all streams
	Tries  *tries.Table     // of all streams
}

// Output is what the server has to do after a step, in the order of the fields.
type Output struct {
	Admit  int64                         // > 0: get room for so many bytes in all, and for a record, first; else Machine.Refuse
	Resume bool                          // nothing else is asked for: once there is room, go on with Machine.Resume
	Intent *filters.Record               // make this durable before sending; on an error call Machine.Refuse instead
	Send   []*extproc.ProcessingResponse // valid until the next step
	Record *filters.Record               // the closing record
	Unsure bool                          // Record: what the client got is Envoy's to say (its access log)
}

// Machine carries one exchange.
type Machine struct {
	cfg   Config
	phase Phase
	out   [2]*extproc.ProcessingResponse

	x        filters.Exchange
	codec    filters.Codec
	at       bundle.Entry
	reader   filters.ResponseReader
	decision filters.Decision    // about the request
	judged   bool                // decision was taken
	judge    filters.AnswerJudge // what the rules say about the answer; nil: nothing
	answer   filters.Decision    // about the answer so far
	refusal  *filters.Refusal
	judging  time.Duration
	coded    []byte          // the body of the request, until there is room to decompress it
	payload  filters.Payload // what the record shows of the bodies
	turn     tries.Turn
	onward   []*corev3.HeaderValueOption // of the answer: where the caller goes on
	asked    int                         // how many of the answer's tool calls Causes knows of

	held        int64  // bytes of the answer that came and have not passed
	headersHeld bool   // the answer to the response headers waits until the body may pass
	local       string // why Envoy answers by itself; empty: it does not
	status      int    // HTTP status that the client was given
	recorded    bool
	fault       error // why the machine is Broken
}

// New returns a machine that waits for the request headers.
func New(cfg Config) *Machine {
	m := &Machine{cfg: cfg}
	m.x.ID, m.x.Memory = cfg.ID, cfg.Bundle.Memory()
	m.x.Request.Time = cfg.Clock()
	return m
}

// Phase tells what the machine waits for.
func (m *Machine) Phase() Phase { return m.phase }

// Held is how many bytes of the answer the machine keeps in memory. Once it has ended it keeps none.
func (m *Machine) Held() int64 { return m.held }

// Listening tells whether the answer is a stream of what the server has to say by itself, which may be nothing for long.
func (m *Machine) Listening() bool { return mcp.Listens(&m.x) }

// RequestID is Envoy's id of the request; empty before the request headers.
func (m *Machine) RequestID() string { return m.x.Request.ID }

// Audit says how the pinned bundle wants this exchange recorded.
func (m *Machine) Audit() audit.Options { return m.cfg.Bundle.Audit }

// Status is what the stream ends with when it ends now. It is OK only where Envoy has nothing left that could pass.
func (m *Machine) Status() error {
	switch m.phase {
	case Ended:
		return nil
	case Broken:
		return m.fault
	default:
		return status.Errorf(codes.Aborted, "stream ended while waiting for %s", m.phase)
	}
}

// Step takes Envoy's next message.
func (m *Machine) Step(req *extproc.ProcessingRequest) Output {
	switch r := req.GetRequest().(type) {
	case *extproc.ProcessingRequest_RequestHeaders:
		if m.phase == AwaitRequestHeaders {
			return m.requestHeaders(req, r.RequestHeaders)
		}
	case *extproc.ProcessingRequest_RequestBody:
		if m.phase == AwaitRequestBody {
			return m.requestBody(r.RequestBody)
		}
	case *extproc.ProcessingRequest_ResponseHeaders:
		if details := attribute(req, "response.code_details"); m.phase <= AwaitResponseHeaders && isLocalReply(details) {
			return m.localReply(r.ResponseHeaders, details)
		}
		if m.phase == AwaitResponseHeaders {
			return m.responseHeaders(r.ResponseHeaders)
		}
	case *extproc.ProcessingRequest_ResponseBody:
		if m.phase == AwaitResponseBody {
			return m.responseBody(r.ResponseBody)
		}
	case *extproc.ProcessingRequest_ResponseTrailers:
		if m.phase == AwaitResponseBody {
			return m.responseTrailers()
		}
	}
	if m.phase == Ended {
		return Output{} // Envoy may still send what it had read when we ended the exchange: nothing of it passes
	}
	return m.fail(codes.FailedPrecondition, "message %T while waiting for %s", req.GetRequest(), m.phase)
}

// send is the plain output of one response.
func (m *Machine) send(r *extproc.ProcessingResponse) Output {
	m.out[0] = r
	return Output{Send: m.out[:1]}
}
