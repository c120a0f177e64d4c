package server

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bartizan/extproc/audit"
	"bartizan/extproc/stream"
	"bartizan/filters"
)

// session is one ext_proc stream.
type session struct {
	*Server
	rpc     extproc.ExternalProcessor_ProcessServer
	machine *stream.Machine
	held    int64 // bytes of the budget
}

// Process carries one exchange. It returns an error unless the exchange has ended: an OK would make Envoy pass the rest of it
// uninspected.
func (s *Server) Process(rpc extproc.ExternalProcessor_ProcessServer) error {
	pinned := s.cfg.Bundle()
	if pinned == nil {
		return status.Error(codes.Unavailable, "no bundle yet: nothing can be decided")
	}
	id, err := uuid.NewV7()
	if err != nil {
		return status.Errorf(codes.Internal, "make a decision id: %v", err)
	}
	s.streams.Add(1)
	defer s.streams.Done()
	s.metrics.streams.Inc()
	defer s.metrics.streams.Dec()

	ss := &session{Server: s, rpc: rpc}
	ss.machine = stream.New(stream.Config{ID: id.String(), Bundle: pinned, Stamp: s.stamp, Clock: time.Now})
	defer ss.release()
	return ss.run()
}

// run feeds the machine until the stream is over.
func (s *session) run() error {
	in := make(chan *extproc.ProcessingRequest)
	ctx, cancel := context.WithCancel(s.rpc.Context())
	defer cancel()
	s.streams.Go(func() { // ends with the stream's context, once the handler has returned
		defer close(in)
		s.receive(ctx, in)
	})

	deadline := time.NewTimer(s.cfg.Deadlines.of(s.machine.Phase()))
	defer deadline.Stop()
	for {
		select {
		case req, ok := <-in:
			if !ok {
				return s.over()
			}
			if err := s.step(func() stream.Output { return s.machine.Step(req) }); err != nil {
				return err
			}
			deadline.Reset(s.cfg.Deadlines.of(s.machine.Phase()))
		case <-deadline.C:
			if s.machine.Phase() == stream.Ended { // Envoy has had all that there is, and forgot to close the stream
				return s.machine.Status()
			}
			s.metrics.deadlines.WithLabelValues(s.machine.Phase().String()).Inc()
			if err := s.step(s.machine.Timeout); err != nil {
				return err
			}
			deadline.Reset(s.cfg.Deadlines.of(s.machine.Phase()))
		}
	}
}

// receive hands on Envoy's messages one at a time; the next is read only when the last was taken, so that HTTP/2 flow control
// holds Envoy back.
func (s *session) receive(ctx context.Context, in chan<- *extproc.ProcessingRequest) {
	for {
		req, err := s.rpc.Recv()
		if err != nil {
			return
		}
		select {
		case in <- req:
		case <-ctx.Done():
			return
		}
	}
}

// over closes an exchange whose stream Envoy has ended.
func (s *session) over() error {
	s.obeyRecord(s.machine.Close())
	return s.machine.Status()
}

// step makes the machine move and obeys it. A panic breaks this stream alone.
func (s *session) step(move func() stream.Output) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.metrics.panics.Inc()
			s.cfg.Log.Error("a stream panicked and was failed closed", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			s.obeyRecord(s.machine.Fault("panic"))
			err = s.machine.Status()
		}
	}()
	return s.obey(move())
}

// obey does what an output asks for, in its order.
func (s *session) obey(out stream.Output) error {
	if out.Admit > 0 {
		if refusal := s.admit(out.Admit); refusal != nil {
			return s.obey(s.machine.Refuse(*refusal))
		}
	}
	if out.Intent != nil {
		if err := s.durable(out.Intent); err != nil {
			s.cfg.Log.Error("strict audit: request refused", "error", err)
			return s.obey(s.machine.Refuse(filters.Refusal{Kind: filters.RefusedUnrecordable, Message: unrecordable}))
		}
	}
	for _, r := range out.Send {
		if err := s.rpc.Send(r); err != nil {
			s.obeyRecord(out)
			s.obeyRecord(s.machine.Close())
			return status.Errorf(codes.Aborted, "send to envoy: %v", err)
		}
	}
	s.obeyRecord(out)
	switch s.machine.Phase() {
	case stream.Broken:
		return s.machine.Status()
	case stream.AwaitResponseHeaders, stream.Ended:
		s.release() // the body is judged and let go
	}
	return nil
}

const unrecordable = "the record of this request cannot be made safe, and without a record nothing is forwarded; try again later"

// admit gets room for a request and for its record.
func (s *session) admit(bytes int64) *filters.Refusal {
	if err := s.cfg.Audit.Admit(); err != nil && s.machine.Audit().Mode != audit.ModeBestEffort {
		s.cfg.Log.Error("audit cannot take more: request refused", "error", err)
		return &filters.Refusal{Kind: filters.RefusedUnrecordable, Message: unrecordable}
	}
	ctx, cancel := context.WithTimeout(s.rpc.Context(), s.cfg.Admission)
	defer cancel()
	if err := s.budget.Acquire(ctx, min(bytes, s.cfg.Budget)); err != nil {
		s.metrics.overloaded.Inc()
		return &filters.Refusal{Kind: filters.RefusedOverloaded, Message: "the gateway is judging as much as it has room for; try again in a moment"}
	}
	s.held = min(bytes, s.cfg.Budget)
	return nil
}

func (s *session) release() {
	if s.held > 0 {
		s.budget.Release(s.held)
		s.held = 0
	}
}

func (s *session) durable(r *filters.Record) error {
	ctx, cancel := context.WithTimeout(s.rpc.Context(), s.cfg.Deadlines.Durable)
	defer cancel()
	return s.cfg.Audit.AppendDurable(ctx, r, s.machine.Audit())
}

// obeyRecord appends the closing record, or lets Envoy's access log complete it first.
func (s *session) obeyRecord(out stream.Output) {
	switch {
	case out.Record == nil:
	case out.Unsure:
		s.closing.await(s.machine.RequestID(), s.machine.Audit(), out.Record)
	default:
		s.appendRecord(s.machine.Audit(), out.Record)
	}
}
