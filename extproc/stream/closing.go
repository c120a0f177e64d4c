package stream

import (
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bartizan/filters"
)

// Close says that the stream is over: Envoy cancelled it or it broke. The output carries the closing record unless one was
// given before. An exchange that was not finished is Unsure: the client left, or Envoy answered by itself.
func (m *Machine) Close() Output {
	if m.recorded {
		return Output{}
	}
	nameless := m.nameless()
	if m.phase != Broken {
		m.breakOff(m.Status())
	}
	if nameless {
		return Output{}
	}
	return Output{Record: m.record(filters.EndedByClient, "the stream ended before the exchange did"), Unsure: true}
}

// Timeout says that Envoy sent nothing for longer than the phase may take. An answer that has begun is ended well-formed, one that
// was held is refused whole; before that the stream breaks, and Envoy answers for us.
func (m *Machine) Timeout() Output {
	switch m.phase {
	case AwaitResponseBody:
		return m.cut(nil, filters.Refusal{Kind: filters.RefusedUpstream, Message: "the upstream stopped in the middle of its answer"})
	case Ended:
		return Output{}
	default:
		return m.fail(codes.DeadlineExceeded, "nothing came for too long while waiting for %s", m.phase)
	}
}

// NoRoom says that no more of the answer can be held back: it is refused, or ended well-formed where it has begun.
func (m *Machine) NoRoom() Output {
	return m.cut(nil, filters.Refusal{
		Kind: filters.RefusedOverloaded, Message: "the gateway holds back as many unfinished answers as it has room for; try again in a moment",
	})
}

// Fault says that a step panicked, or that the server could not do what an Output asked for.
func (m *Machine) Fault(cause any) Output {
	return m.fail(codes.Internal, "fault while waiting for %s: %v", m.phase, cause)
}

// nameless tells whether the stream ends before it has said or heard anything by which Envoy's word about it could be found. Then
// the access log makes the record: one from here would be a second.
func (m *Machine) nameless() bool {
	if m.phase == AwaitRequestHeaders && m.x.Request.ID == "" {
		m.recorded = true
		return true
	}
	return false
}

// fail ends the stream with an error: Envoy fails the exchange and lets nothing more pass.
func (m *Machine) fail(code codes.Code, format string, args ...any) Output {
	nameless := m.nameless()
	m.breakOff(status.Errorf(code, format, args...))
	if m.recorded || nameless {
		return Output{}
	}
	rec := m.record(filters.EndedByGateway, fmt.Sprintf(format, args...))
	rec.Outcome = filters.OutcomeError
	return Output{Record: rec, Unsure: true}
}

// intent is the record that strict mode makes durable before the request goes on.
func (m *Machine) intent() *filters.Record {
	rec := m.describeRecord()
	rec.Phase = filters.PhaseIntent
	rec.Outcome = m.passed()
	return rec
}

// record closes the exchange. It is called once. A record may wait for Envoy's word, so it lets go of all content.
func (m *Machine) record(by filters.EndedBy, detail string) *filters.Record {
	m.recorded = true
	m.x.Forget()
	m.x.Cost = m.cfg.Bundle.Cost(&m.x)
	rec := m.describeRecord()
	rec.Phase, rec.EndedBy, rec.Detail = filters.PhaseExchange, by, detail
	rec.Duration = m.cfg.Clock().Sub(m.x.Request.Time)
	rec.Status = m.status
	rec.Payload = m.shown()
	rec.Outcome = m.outcome(by)
	if m.x.Counted() == filters.CountedAll && m.refusal == nil {
		m.cfg.Tries.Answered(&m.x, m.turn)
	}
	return rec
}

func (m *Machine) describeRecord() *filters.Record {
	return &filters.Record{
		Time: m.x.Request.Time, Exchange: &m.x, Decision: m.decision, Answer: m.answer, Judged: m.judged, Refusal: m.refusal,
		Commit: m.cfg.Bundle.Commit, Bundle: m.cfg.Bundle.Version, Judging: m.judging,
	}
}

func (m *Machine) outcome(by filters.EndedBy) filters.Outcome {
	switch {
	case m.refusal != nil:
		return m.refusal.Kind.Outcome()
	case by == filters.EndedByClient:
		return filters.OutcomeAborted
	case by == filters.EndedByEnvoy && m.status >= 400 && m.status < 500:
		return filters.OutcomeDeny // for what the caller sent, such as a body that is too large
	case by == filters.EndedByEnvoy:
		return filters.OutcomeError
	default:
		return m.passed()
	}
}

// passed is the outcome of what was not refused: the highest of the actions on the request, on the answer and on items in it. A stream of
// a server's own messages goes on without those that are denied.
func (m *Machine) passed() filters.Outcome {
	if m.x.Response.Withheld > 0 {
		return filters.OutcomeQuarantine
	}
	switch max(m.decision.Action, m.answer.Action, m.x.MCP.NotedAction()) {
	case filters.ActionFlag:
		return filters.OutcomeFlag
	case filters.ActionRedact:
		return filters.OutcomeRedact
	case filters.ActionQuarantine, filters.ActionDeny:
		return filters.OutcomeQuarantine
	default:
		return filters.OutcomeAllow
	}
}
