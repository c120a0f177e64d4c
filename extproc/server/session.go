package server

import (
	"context"
	"errors"
	"io"
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
	rpc      extproc.ExternalProcessor_ProcessServer
	machine  *stream.Machine
	admitted int64 // bytes of the budget of requests
	holding  int64 // bytes of the budget of answers
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
	s.running.begin()
	defer s.running.end()
	s.metrics.streams.Inc()
	defer s.metrics.streams.Dec()

	ss := &session{Server: s, rpc: rpc}
	ss.machine = stream.New(stream.Config{ID: id.String(), Bundle: pinned, Stamp: s.stamp, Clock: time.Now, Sealed: s.cfg.Sealed, Causes: s.cfg.Causes, Tries: s.tries})
	defer ss.release()
	defer ss.hold(0)
	return ss.run()
}

// run feeds the machine until the stream is over.
func (s *session) run() error {
	in := make(chan *extproc.ProcessingRequest)
	var why error // set before in is closed
	ctx, cancel := context.WithCancel(s.rpc.Context())
	defer cancel()
	s.receivers.Go(func() { // ends with the stream's context, once the handler has returned
		defer close(in)
		why = errPanic
		s.guard(func() { why = receive(ctx, s.rpc.Recv, in) })
	})

	deadline := time.NewTimer(s.cfg.Deadlines.of(s.machine))
	defer deadline.Stop()
	for {
		select {
		case req, ok := <-in:
			if !ok {
				return s.over(why)
			}
			if err := s.step(func() stream.Output { return s.machine.Step(req) }); err != nil {
				return err
			}
		case <-deadline.C:
			if s.machine.Phase() == stream.Ended { // Envoy has had all that there is, and forgot to close the stream
				return s.machine.Status()
			}
			s.metrics.deadlines.WithLabelValues(s.machine.Phase().String()).Inc()
			if err := s.step(s.machine.Timeout); err != nil {
				return err
			}
		}
		deadline.Reset(s.cfg.Deadlines.of(s.machine))
	}
}

var (
	errPanic   = status.Error(codes.Internal, "panic")
	errStopped = status.Error(codes.Internal, "the gateway stopped before the exchange ended")
)

// over closes an exchange whose stream is over, and says why: Envoy cancelled it, unless it broke on our side.
func (s *session) over(why error) error {
	if err := s.step(func() stream.Output { return s.ending(why) }); err != nil {
		return err
	}
	return s.machine.Status()
}

func (s *session) ending(why error) stream.Output {
	if s.stopping.Load() {
		why = errStopped
	}
	if !cancelled(why) && s.machine.Phase() != stream.Ended {
		return s.machine.Fault(status.Convert(why).Message())
	}
	return s.machine.Close()
}

// cancelled tells whether it was Envoy that ended a stream, or that it is gone.
func cancelled(why error) bool {
	switch status.Code(why) {
	case codes.Canceled, codes.DeadlineExceeded, codes.Unavailable:
		return true
	default:
		return errors.Is(why, io.EOF) || errors.Is(why, context.Canceled)
	}
}

// step makes the machine move and obeys it. A panic breaks this stream alone.
func (s *session) step(move func() stream.Output) (err error) {
	if s.guard(func() { err = s.obey(move()) }) {
		s.obeyRecord(s.machine.Fault("panic"))
		err = s.machine.Status()
	}
	return err
}

// obey does what an output asks for, in its order.
func (s *session) obey(out stream.Output) error {
	if out.Admit > 0 {
		if refusal := s.admit(out.Admit); refusal != nil {
			return s.refuse(*refusal)
		}
	}
	if out.Resume {
		return s.obey(s.machine.Resume())
	}
	if out.Intent != nil {
		if err := s.durable(out.Intent); err != nil {
			s.cfg.Log.Error("strict audit: request refused", "error", err)
			return s.refuse(filters.Refusal{Kind: filters.RefusedUnrecordable, Message: unrecordable})
		}
	}
	for _, r := range out.Send {
		if err := s.rpc.Send(r); err != nil {
			s.obeyRecord(out)
			s.obeyRecord(s.ending(context.Canceled)) // whatever gRPC says: there is nobody who hears
			return status.Errorf(codes.Aborted, "send to envoy: %v", err)
		}
	}
	s.obeyRecord(out)
	if s.machine.Phase() != stream.AwaitRequestBody {
		s.release() // the body is judged and let go, or will never come
	}
	if !s.hold(s.machine.Held()) {
		s.metrics.overloaded.WithLabelValues(bodyAnswer).Inc()
		return s.obey(s.machine.NoRoom())
	}
	if s.machine.Phase() == stream.Broken {
		return s.machine.Status()
	}
	return nil
}

// refuse answers for the server, unless there is nobody left to answer.
func (s *session) refuse(r filters.Refusal) error {
	if s.rpc.Context().Err() != nil {
		return s.over(s.rpc.Context().Err())
	}
	return s.obey(s.machine.Refuse(r))
}

const unrecordable = "the record of this request cannot be made safe, and without a record nothing is forwarded; try again later"

// admit gets room for so many bytes of a request in all, and for its record.
func (s *session) admit(bytes int64) *filters.Refusal {
	if err := s.cfg.Audit.Admit(); err != nil && s.machine.Audit().Mode != audit.ModeBestEffort {
		s.cfg.Log.Error("audit cannot take more: request refused", "error", err)
		return &filters.Refusal{Kind: filters.RefusedUnrecordable, Message: unrecordable}
	}
	ctx, cancel := context.WithTimeout(s.rpc.Context(), s.cfg.Admission)
	defer cancel()
	more := max(0, min(bytes, s.cfg.Budget)-s.admitted)
	if err := s.budget.Acquire(ctx, more); err != nil {
		if s.rpc.Context().Err() == nil { // else nobody waits any more
			s.metrics.overloaded.WithLabelValues(bodyRequest).Inc()
		}
		return &filters.Refusal{Kind: filters.RefusedOverloaded, Message: "the gateway is judging as much as it has room for; try again in a moment"}
	}
	s.admitted += more
	return nil
}

func (s *session) release() {
	if s.admitted > 0 {
		s.budget.Release(s.admitted)
		s.admitted = 0
	}
}

// holdBlock is the unit of the budget of answers, and what an answer may hold without asking: a stream's HTTP/2 window costs as much.
const holdBlock = 64 << 10

// hold makes room for so many bytes of an answer that are held back, or gives room back. It never waits: two answers that wait for
// each other's room would wait for ever.
func (s *session) hold(bytes int64) bool {
	want := max(0, (bytes-1)/holdBlock*holdBlock)
	switch {
	case want > s.holding && !s.answers.TryAcquire(want-s.holding):
		return false
	case want < s.holding:
		s.answers.Release(s.holding - want)
	}
	s.holding = want
	return true
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
