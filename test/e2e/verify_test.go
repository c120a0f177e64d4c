package e2e

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"bartizan/extproc/audit/chain"
)

// lateRecord is longer than extproc joins what it and Envoy know of an exchange (3 s): a second record would come until then.
const lateRecord = 4 * time.Second

// TestOneRecordForEach: of everything that happened on the shared fleet there is one closing record, and the chain holds. Its file
// comes late in the alphabet, so that it sees what most other tests have left; a few exchanges of every ending are its own.
func TestOneRecordForEach(t *testing.T) {
	w := shared
	tags := map[string]string{}
	send := func(what string, req *http.Request) {
		name := tagged(req)
		tags[name] = what
		call(t, req)
	}
	send("allowed", w.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, true))
	send("denied", w.messages(t, aliceKey, "claude-opus-5-5", `say:"hi"`, true))
	send("cut", w.messages(t, aliceKey, "claude-sonnet-5", "malformed:3", true))
	send("broken early", w.messages(t, aliceKey, "claude-sonnet-5", "reset:3", true))
	send("broken late", w.messages(t, aliceKey, "claude-sonnet-5", "delay:50ms reset:3", true))
	send("unknown path", w.post(t, "/nowhere", aliceKey, "{}"))
	send("no key", w.messages(t, "", "claude-sonnet-5", `say:"hi"`, true))
	send("upgrade", func() *http.Request {
		req := w.post(t, "/openai/v1/chat/completions", bobKey, "")
		req.Header.Set("connection", "upgrade")
		req.Header.Set("upgrade", "websocket")
		return req
	}())
	send("bad path", w.post(t, "/anthropic/v1/messages%00", aliceKey, "{}"))
	ctx, leave := context.WithCancel(t.Context())
	req := w.messages(t, aliceKey, "claude-sonnet-5", "stream:600 delay:100ms", true).WithContext(ctx)
	tags[tagged(req)] = "left"
	_ = begin(clientOf(t, false), req, leave)

	for name := range tags {
		w.recordOf(t, name)
	}
	time.Sleep(lateRecord) // for what must not come there is nothing to await
	decisions, requests, agents := map[string]int{}, map[string]int{}, map[string]int{}
	for _, e := range w.Records.All() {
		if e.Own().Phase != "exchange" {
			continue
		}
		f := factOf(t, e)
		decisions[e.Own().DecisionID]++
		requests[f.Metadata.RequestID]++
		agents[f.HTTP.Agent]++
		if n := requests[f.Metadata.RequestID]; n > 1 && f.Metadata.RequestID != "" || decisions[e.Own().DecisionID] > 1 {
			t.Errorf("recorded %d times: %s", n, e.Raw)
		}
	}
	for name, what := range tags {
		if agents[name] != 1 {
			t.Errorf("%s: %d records", what, agents[name])
		}
	}
	t.Logf("%d exchanges", len(decisions))
	js, err := jetstream.New(w.NATS)
	if err != nil {
		t.Fatal(err)
	}
	report, err := chain.Verify(t.Context(), js)
	if err != nil || !report.OK() || report.Records < uint64(len(decisions)) {
		t.Errorf("chain: %+v, error %v", report, err)
	}
}
