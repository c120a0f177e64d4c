package fake

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Phase is a kind of message that Envoy sends to a processor.
type Phase string

// The phases.
const (
	PhaseRequestHeaders   Phase = "request_headers"
	PhaseRequestBody      Phase = "request_body"
	PhaseRequestTrailers  Phase = "request_trailers"
	PhaseResponseHeaders  Phase = "response_headers"
	PhaseResponseBody     Phase = "response_body"
	PhaseResponseTrailers Phase = "response_trailers"
)

// Fault is what a processor does wrong.
type Fault string

// The faults.
const (
	FaultNone         Fault = "ok"            // nothing: every message is answered, the request stamped
	FaultCloseOK      Fault = "close_ok"      // ends the stream with OK in place of an answer
	FaultCloseError   Fault = "close_error"   // ends it with INTERNAL
	FaultAbort        Fault = "abort"         // all connections drop, as when the process dies; it listens on
	FaultWrongMessage Fault = "wrong_message" // answers as if it were the other direction's headers
	FaultTwoAnswers   Fault = "two_answers"   // answers twice
	FaultEmptyAnswer  Fault = "empty_answer"  // a ProcessingResponse that says nothing
	FaultNoAnswer     Fault = "no_answer"     // silence until Envoy gives the stream up
	FaultNoStamp      Fault = "no_stamp"      // the right answer without the stamp, whatever the phase
)

// Faults lists all of them but FaultNone.
func Faults() []Fault {
	return []Fault{
		FaultCloseOK, FaultCloseError, FaultAbort, FaultWrongMessage, FaultTwoAnswers, FaultEmptyAnswer, FaultNoAnswer, FaultNoStamp,
	}
}

// Misbehaviour is a fault and when it happens: at a message of Phase, after so many of that phase on the same stream were
// answered well. PhaseResponseBody with After 1 is in the middle of an answer.
type Misbehaviour struct {
	Fault Fault
	Phase Phase
	After int
}

// ProcessorOptions configure a fake ext_proc service.
type ProcessorOptions struct {
	// Socket is the path of the Unix socket; empty: one in a new temporary folder, removed by Close.
	Socket string
	// Misbehaviour holds from the start; see Processor.Misbehave.
	Misbehaviour Misbehaviour
	// GRPC is added to the server's options, so that a benchmark can give the no-op those of the real service.
	GRPC []grpc.ServerOption
}

// Processor is an ext_proc service on a Unix socket that goes wrong where it is told to. Without a fault it is a
// NoopProcessor that counts.
type Processor struct {
	extproc.UnimplementedExternalProcessorServer
	socket  string
	folder  string // to remove; empty where the caller named the socket
	replies replies
	server  *grpc.Server
	conns   *droppable
	wrong   atomic.Pointer[Misbehaviour]
	streams atomic.Int64
	served  chan struct{}

	mu   sync.Mutex
	seen map[Phase]int
}

// maxMessage bounds one message, in bytes: above every body limit that Envoy is given.
const maxMessage = 64 << 20

// StartProcessor starts a fake ext_proc service. It runs until ctx ends or Close.
func StartProcessor(ctx context.Context, o ProcessorOptions) (*Processor, error) {
	p := &Processor{socket: o.Socket, replies: newReplies(), served: make(chan struct{}), seen: map[Phase]int{}}
	p.Misbehave(o.Misbehaviour)
	if err := p.listen(ctx); err != nil {
		os.RemoveAll(p.folder)
		return nil, err
	}
	p.server = grpc.NewServer(append([]grpc.ServerOption{grpc.MaxRecvMsgSize(maxMessage), grpc.WaitForHandlers(true)}, o.GRPC...)...)
	extproc.RegisterExternalProcessorServer(p.server, p)
	context.AfterFunc(ctx, p.server.Stop)
	go func() {
		defer close(p.served)
		p.server.Serve(p.conns) // ends by Stop
	}()
	return p, nil
}

func (p *Processor) listen(ctx context.Context) (err error) {
	if p.socket == "" {
		if p.folder, err = os.MkdirTemp("", "processor"); err != nil {
			return fmt.Errorf("make folder of socket: %w", err)
		}
		p.socket = filepath.Join(p.folder, "ext_proc.sock")
	}
	lis, err := new(net.ListenConfig).Listen(ctx, "unix", p.socket)
	p.conns = &droppable{Listener: lis}
	return err
}

// Socket is the path to connect to.
func (p *Processor) Socket() string { return p.socket }

// URL is the socket as a gRPC target.
func (p *Processor) URL() string { return "unix://" + p.socket }

// Misbehave changes what goes wrong, for messages that come from now on. The zero value: nothing.
func (p *Processor) Misbehave(m Misbehaviour) { p.wrong.Store(&m) }

// Streams counts the streams begun.
func (p *Processor) Streams() int64 { return p.streams.Load() }

// Seen counts the messages received in one phase, on all streams.
func (p *Processor) Seen(phase Phase) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[phase]
}

// Close ends the service, waits for its streams, and removes what it made.
func (p *Processor) Close() {
	p.server.Stop()
	<-p.served
	if p.folder != "" {
		os.RemoveAll(p.folder)
	}
}

// Process answers one stream until Envoy ends it, or the fault does.
func (p *Processor) Process(stream extproc.ExternalProcessor_ProcessServer) error {
	p.streams.Add(1)
	var modes bodyModes
	answered := map[Phase]int{}
	for {
		req, err := stream.Recv()
		if err != nil {
			return err
		}
		modes.learn(req)
		wrong := *p.wrong.Load() // before it is counted: who waits for Seen may change what goes wrong next
		phase := p.count(req)
		right := p.replies.to(req, modes)
		if wrong.Fault == FaultNoStamp {
			right = &extproc.ProcessingResponse{Response: right.GetResponse()}
		}
		if wrong.Phase == phase && answered[phase] == wrong.After {
			over, err := p.misbehave(stream, wrong.Fault, right)
			if over || err != nil {
				return err
			}
		} else if err := stream.Send(right); err != nil {
			return err
		}
		answered[phase]++
	}
}

// misbehave does what f says in place of sending right. over tells that the stream ends, with err.
func (p *Processor) misbehave(stream extproc.ExternalProcessor_ProcessServer, f Fault, right *extproc.ProcessingResponse) (over bool, err error) {
	switch f {
	case FaultCloseOK:
		return true, nil
	case FaultCloseError:
		return true, status.Error(codes.Internal, "the fake fails on purpose")
	case FaultAbort:
		p.conns.drop()
		return true, status.Error(codes.Unavailable, "the fake died on purpose")
	case FaultNoAnswer:
		<-stream.Context().Done()
		return true, stream.Context().Err()
	case FaultWrongMessage:
		return false, stream.Send(p.opposite(right))
	case FaultEmptyAnswer:
		return false, stream.Send(&extproc.ProcessingResponse{})
	case FaultTwoAnswers:
		if err := stream.Send(right); err != nil {
			return true, err
		}
	}
	return false, stream.Send(right)
}

// opposite returns an answer that no message of right's direction can have.
func (p *Processor) opposite(right *extproc.ProcessingResponse) *extproc.ProcessingResponse {
	if right.GetRequestHeaders() != nil || right.GetRequestBody() != nil || right.GetRequestTrailers() != nil {
		return p.replies.responseHeaders
	}
	return p.replies.requestHeaders
}

func (p *Processor) count(req *extproc.ProcessingRequest) Phase {
	phase := phaseOf(req)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[phase]++
	return phase
}

func phaseOf(req *extproc.ProcessingRequest) Phase {
	switch req.Request.(type) {
	case *extproc.ProcessingRequest_RequestHeaders:
		return PhaseRequestHeaders
	case *extproc.ProcessingRequest_RequestBody:
		return PhaseRequestBody
	case *extproc.ProcessingRequest_RequestTrailers:
		return PhaseRequestTrailers
	case *extproc.ProcessingRequest_ResponseHeaders:
		return PhaseResponseHeaders
	case *extproc.ProcessingRequest_ResponseBody:
		return PhaseResponseBody
	case *extproc.ProcessingRequest_ResponseTrailers:
		return PhaseResponseTrailers
	}
	return ""
}

// droppable is a listener whose connections can all be dropped at once.
type droppable struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func (d *droppable) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	if err == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.conns = append(d.conns, c)
	}
	return c, err
}

func (d *droppable) drop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		c.Close()
	}
	d.conns = nil
}
