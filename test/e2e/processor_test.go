package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"bartizan/extproc/server"
	"bartizan/test/await"
	"bartizan/test/env"
	"bartizan/test/fake"
	"bartizan/test/fake/faketest"
)

// counted is a script of n numbered events of text, so that it shows how much of an answer has passed.
func counted(n int, words string) string {
	numbers := ""
	for i := range n {
		numbers += fmt.Sprintf("%03d ", i)
	}
	return fmt.Sprintf("say:%q stream:%d %s", numbers, n, words)
}

// silence is how long nothing comes before an answer counts as silent that should be: many times the fake's pause between two events, and
// more than the second that Envoy takes to close a connection that it breaks. One that should not be silent has more time.
const silence = 3 * time.Second

// How an answer ends, as its client sees it.
const (
	endWhole  = "whole"  // with the upstream's last event
	endShort  = "short"  // well-formed, without that event
	endCut    = "cut"    // the connection breaks
	endSilent = "silent" // not at all
)

// watch reads an answer until it ends or nothing has come for so long, and says how it ended.
func watch(t testing.TB, req *http.Request, quietFor time.Duration) (answer, string) {
	t.Helper()
	ctx, leave := context.WithCancel(req.Context())
	defer leave()
	quiet := time.AfterFunc(quietFor, leave)
	defer quiet.Stop()
	res, err := clientOf(t, false).Do(req.WithContext(ctx))
	if err != nil {
		return answer{err: err}, endOf(ctx, answer{err: err})
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, header: res.Header}
	buf := make([]byte, 32<<10)
	for a.err == nil {
		quiet.Reset(quietFor)
		var n int
		n, a.err = res.Body.Read(buf)
		a.body += string(buf[:n])
	}
	if errors.Is(a.err, io.EOF) {
		a.err = nil
	}
	return a, endOf(ctx, a)
}

func endOf(ctx context.Context, a answer) string {
	switch {
	case a.err == nil && strings.Contains(a.body, "message_stop"):
		return endWhole
	case a.err == nil:
		return endShort
	case errors.Is(a.err, context.Canceled) && ctx.Err() != nil:
		return endSilent
	default:
		return endCut
	}
}

// misbehaving is a fleet whose processor can be told to go wrong. It speaks gRPC with the settings of the real one: else it would take
// Envoy's keepalive for an attack after five seconds.
func misbehaving(t *testing.T) (*world, *fake.Processor) {
	t.Helper()
	p := faketest.Processor(t, fake.ProcessorOptions{GRPC: server.Transport()})
	return start(t, env.FleetOptions{ExtProc: p.Socket()}), p
}

// unjudged wants that a request without a judgement reached no upstream, and that its caller got an error in Anthropic's form.
func (w *world) unjudged(t *testing.T, name string, a answer, status int) {
	t.Helper()
	if seen := w.upstreamOf(name); len(seen) > 0 {
		t.Errorf("the upstream was called %d times", len(seen))
	}
	if a.err != nil || a.status != status {
		t.Errorf("%d %s, error %v; want %d", a.status, a.body, a.err, status)
		return
	}
	if said := message(t, "anthropic", a); !strings.Contains(said, "the inspection service") {
		t.Errorf("the message is %q", said)
	}
}

// TestFaultsInRequest: whatever a processor does wrong before a request is judged, no upstream sees the request, and its caller gets an error
// in its own protocol. An OK close and an answer without the stamp are what only the stamp holds back.
func TestFaultsInRequest(t *testing.T) {
	w, p := misbehaving(t)
	for _, f := range fake.Faults() {
		for _, phase := range []fake.Phase{fake.PhaseRequestHeaders, fake.PhaseRequestBody} {
			if f == fake.FaultNoAnswer {
				continue // below, at once with the others that wait
			}
			t.Run(fmt.Sprint(f, " at ", phase), func(t *testing.T) {
				p.Misbehave(fake.Misbehaviour{Fault: f, Phase: phase})
				req := w.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, false)
				name := tagged(req)
				a, _ := watch(t, req, patience)
				if f == fake.FaultTwoAnswers && phase == fake.PhaseRequestBody {
					w.twiceJudged(t, name, a)
				} else {
					w.unjudged(t, name, a, http.StatusServiceUnavailable)
				}
			})
		}
	}
	t.Run("silence", func(t *testing.T) { silenceInRequest(t, w, p) })
	t.Run("none", func(t *testing.T) { // what all the others are told from
		p.Misbehave(fake.Misbehaviour{})
		req := w.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, false)
		name := tagged(req)
		if a, _ := watch(t, req, patience); a.err != nil || a.status != http.StatusOK || len(w.upstreamOf(name)) != 1 {
			t.Errorf("%d %s, error %v; the upstream saw %v", a.status, a.body, a.err, w.upstreamOf(name))
		}
	})
}

// twiceJudged: the request was judged, so the upstream may have been called when the second answer broke the exchange.
func (w *world) twiceJudged(t *testing.T, name string, a answer) {
	t.Helper()
	if a.err != nil || a.status != http.StatusServiceUnavailable {
		t.Errorf("%d %s, error %v", a.status, a.body, a.err)
		return
	}
	message(t, "anthropic", a)
}

// silenceInRequest: a processor that says nothing is given up by Envoy's timer, 10 s later. Both cases wait at once.
func silenceInRequest(t *testing.T, w *world, p *fake.Processor) {
	phases := []fake.Phase{fake.PhaseRequestHeaders, fake.PhaseRequestBody}
	answers, names := make([]chan answer, len(phases)), make([]string, len(phases))
	for i, phase := range phases {
		p.Misbehave(fake.Misbehaviour{Fault: fake.FaultNoAnswer, Phase: phase})
		seen := p.Seen(phase)
		req := w.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, false)
		names[i], answers[i] = tagged(req), make(chan answer, 1)
		go func() {
			a, _ := watch(t, req, patience)
			answers[i] <- a
		}()
		await.Until(t, fmt.Sprint(phase, " to arrive"), func() bool { return p.Seen(phase) > seen })
	}
	for i := range phases {
		w.unjudged(t, names[i], <-answers[i], http.StatusGatewayTimeout)
	}
}

// TestFaultsInResponse writes down what Envoy does with an answer whose processor goes wrong. Nothing in Envoy's configuration stands
// between an OK close, or silence, and the client: that no path of ours ends a stream with OK early, and that each phase has a deadline, is
// what holds there (extproc/server, extproc/stream).
func TestFaultsInResponse(t *testing.T) {
	w, p := misbehaving(t)
	cases := []struct {
		fault   fake.Fault
		phase   fake.Phase
		status  int // 0: the client has got no headers
		ends    string
		reaches bool // the last piece of text reaches the client
	}{
		{fake.FaultCloseOK, fake.PhaseResponseHeaders, 200, endWhole, true},       // uninspected
		{fake.FaultCloseOK, fake.PhaseResponseBody, 200, endWhole, true},          // uninspected; what was in flight is lost
		{fake.FaultTwoAnswers, fake.PhaseResponseBody, 200, endWhole, true},       // the second answer passes too
		{fake.FaultTwoAnswers, fake.PhaseResponseHeaders, 200, endCut, false},     // nothing of the body passes
		{fake.FaultCloseError, fake.PhaseResponseHeaders, 503, endShort, false},   // our words in the caller's protocol
		{fake.FaultCloseError, fake.PhaseResponseBody, 200, endCut, false},        //
		{fake.FaultAbort, fake.PhaseResponseHeaders, 503, endShort, false},        //
		{fake.FaultAbort, fake.PhaseResponseBody, 200, endCut, false},             //
		{fake.FaultWrongMessage, fake.PhaseResponseHeaders, 503, endShort, false}, //
		{fake.FaultWrongMessage, fake.PhaseResponseBody, 200, endCut, false},      //
		{fake.FaultEmptyAnswer, fake.PhaseResponseHeaders, 503, endShort, false},  //
		{fake.FaultEmptyAnswer, fake.PhaseResponseBody, 200, endCut, false},       //
		{fake.FaultNoAnswer, fake.PhaseResponseHeaders, 0, endSilent, false},      // for ever: Envoy has no timer here
		{fake.FaultNoAnswer, fake.PhaseResponseBody, 200, endSilent, false},       // likewise
	}
	if len(cases) != 2*(len(fake.Faults())-1) {
		t.Errorf("%d cases of %v: an answer that lacks the stamp is no fault of a response, each other one has two lines", len(cases), fake.Faults())
	}
	for _, c := range cases {
		t.Run(fmt.Sprint(c.fault, " at ", c.phase), func(t *testing.T) {
			m := fake.Misbehaviour{Fault: c.fault, Phase: c.phase}
			if c.phase == fake.PhaseResponseBody {
				m.After = 1
			}
			p.Misbehave(m)
			req := w.messages(t, aliceKey, "claude-sonnet-5", counted(20, "delay:20ms"), true)
			name := tagged(req)
			a, how := watch(t, req, map[bool]time.Duration{true: silence, false: patience}[c.ends == endSilent])
			if a.status != c.status || how != c.ends || strings.Contains(a.body, "019 ") != c.reaches {
				t.Errorf("%d, %s, error %v: %s\nwant %+v", a.status, how, a.err, a.body, c)
			}
			if a.status >= http.StatusBadRequest {
				message(t, "anthropic", a)
			}
			if got := w.endedUpstream(t, &w.anthropic.Recorder, name); c.ends == endCut && got != fake.EndedCanceled {
				t.Errorf("the upstream's exchange %s, want canceled", got)
			}
		})
	}
}
