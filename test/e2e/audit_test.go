package e2e

import (
	"context"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"bartizan/extproc/audit/chain"
	"bartizan/extproc/audit/tail"
	"bartizan/test/await"
	"bartizan/test/env"
)

// verified proves the chain of all records, and returns them in the order of the stream. Who wants the last ones too brings extproc to an
// end first: it leaves when NATS has them all.
func (w *world) verified(t testing.TB) []tail.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	js, err := jetstream.New(w.NATS)
	if err != nil {
		t.Fatal(err)
	}
	report, err := chain.Verify(ctx, js)
	if err != nil {
		t.Fatal(err)
	}
	if !report.OK() || len(report.Producers) != 1 {
		t.Errorf("the chain is broken, or of more than one producer: %+v", report)
	}
	var all []tail.Event
	err = tail.Tail(ctx, w.NATS, tail.Options{All: true, Once: true}, func(e *tail.Event) error {
		kept := *e
		kept.Raw = append([]byte(nil), e.Raw...)
		all = append(all, kept)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// inOrder wants records numbered from 1 without a gap.
func inOrder(t testing.TB, all []tail.Event) {
	t.Helper()
	for i, e := range all {
		if e.Metadata.Sequence != uint64(i+1) {
			t.Fatalf("record %d has the number %d", i+1, e.Metadata.Sequence)
		}
	}
}

// closings counts the closing records of each tagged request.
func closings(all []tail.Event, names []string) map[string]int {
	n := map[string]int{}
	for _, e := range all {
		for _, name := range names {
			if e.Own().Phase == "exchange" && strings.Contains(string(e.Raw), name) {
				n[name]++
			}
		}
	}
	return n
}

// published waits until n records have arrived at NATS, and extproc knows it.
func (w *world) published(t testing.TB, n int) {
	t.Helper()
	await.Until(t, "records to be published", func() bool { return len(w.Records.All()) >= n && w.unacked(t) == 0 })
}

// unacked counts the records that a SIGKILL could not take any more and that NATS has not acknowledged. In mode durable a record is up to
// 20 ms on its way to the disk.
func (w *world) unacked(t testing.TB) float64 {
	t.Helper()
	n, err := w.Metric(t.Context(), "bartizan_audit_unacked_records")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestOneRecordEach: whatever happens to an exchange, one record closes it, and no second one.
func TestOneRecordEach(t *testing.T) {
	w := start(t, env.FleetOptions{})
	messages := func(script string, stream bool) *http.Request {
		return w.messages(t, aliceKey, "claude-sonnet-5", script, stream)
	}
	requests := map[string]*http.Request{
		"allowed":           messages(`say:"hi"`, false),
		"streamed":          messages(`say:"hi"`, true),
		"denied":            w.messages(t, aliceKey, "claude-opus-5-5", `say:"hi"`, false),
		"malformed":         w.post(t, "/anthropic/v1/messages", aliceKey, `{"model":"m","model":"n"}`),
		"no key":            w.messages(t, "", "claude-sonnet-5", `say:"hi"`, false),
		"unknown path":      w.post(t, "/anthropic/v1/files", aliceKey, "{}"),
		"empty":             w.post(t, "/anthropic/v1/messages", aliceKey, ""),
		"upstream's error":  messages("status:529", false),
		"upstream's page":   messages("html:502", false),
		"reset":             messages("reset", false),
		"reset in a stream": messages("delay:20ms reset:4", true),
		"malformed stream":  messages("malformed:3", true),
		"compressed":        messages("gzip", true),
		"tool call":         w.post(t, "/mcp/modern", aliceKey, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"update_sales","arguments":{}}}`),
		"upgrade":           w.post(t, "/anthropic/v1/messages", aliceKey, ""),
		"too large":         w.postBytes(t, "/anthropic/v1/messages", aliceKey, conversation(limitBytes+2<<20)),
	}
	requests["upgrade"].Header.Set("connection", "upgrade")
	requests["upgrade"].Header.Set("upgrade", "websocket")
	names := map[string]string{}
	var all sync.WaitGroup
	for what, req := range requests {
		names[what] = tagged(req)
		all.Go(func() { call(t, req) })
	}
	left := w.slow(t, counted(numbers, "delay:20ms"), true) // its client leaves in mid-answer
	left.send(t, left.parts[:]...)
	left.begin(t, "001 ")
	left.conn.Close()
	names["left"] = left.name
	all.Wait()
	tags := slices.Collect(maps.Values(names))
	for _, name := range tags { // what only Envoy knows, it tells some time after its answer, and not to an extproc that is gone
		w.recordOf(t, name)
	}
	if err := w.Extproc.Stop(); err != nil { // now there can be no further record
		t.Error(err)
	}
	records := w.verified(t)
	inOrder(t, records)
	count := closings(records, tags)
	for what, name := range names {
		if count[name] != 1 {
			t.Errorf("%s: %d records", what, count[name])
		}
	}
	if len(records) != len(names) {
		t.Errorf("%d records of %d exchanges", len(records), len(names))
	}
}

// TestNATSAway: requests go on, and their records come when NATS is back: all of them, in the order in which they were written. That need
// not be the order of the requests: a client may have its answer, and ask again, before the answer's record is written.
func TestNATSAway(t *testing.T) {
	w := start(t, env.FleetOptions{})
	w.judges(t)
	w.published(t, 2)
	w.StopNATS()
	const n = 50
	var names []string
	for range n {
		req := w.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, false)
		names = append(names, tagged(req))
		if a := call(t, req); a.status != http.StatusOK {
			t.Fatalf("without NATS: %d %s, error %v", a.status, a.body, a.err)
		}
	}
	if err := w.StartNATS(); err != nil {
		t.Fatal(err)
	}
	w.Records = env.Follow(t.Context(), w.NATS)
	for _, name := range names {
		w.recordOf(t, name)
	}
	records := w.verified(t)
	inOrder(t, records)
	if len(records) != n+2 {
		t.Errorf("%d records, want %d", len(records), n+2)
	}
	count := closings(records, names)
	for i, name := range names {
		if count[name] != 1 {
			t.Errorf("request %d: %d records", i+1, count[name])
		}
	}
}

// TestRestartWithoutNATS: records that waited when extproc ended are published by the next process, in the same chain.
func TestRestartWithoutNATS(t *testing.T) {
	w := start(t, env.FleetOptions{})
	w.judges(t)
	w.published(t, 2)
	w.StopNATS()
	w.judges(t)
	await.Until(t, "records to be durable", func() bool { return w.unacked(t) == 2 })
	w.Extproc.Kill()
	if err := w.StartExtproc(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.judges(t)
	if err := w.StartNATS(); err != nil {
		t.Fatal(err)
	}
	w.judges(t)
	w.Records = env.Follow(t.Context(), w.NATS)
	w.published(t, 8)
	if err := w.Extproc.Stop(); err != nil {
		t.Error(err)
	}
	records := w.verified(t)
	inOrder(t, records)
	if len(records) != 8 {
		t.Errorf("%d records, want 8", len(records))
	}
}

// strict puts the fleet in mode strict.
func (w *world) strict(t testing.TB) {
	t.Helper()
	w.awaitLive(t, w.commit(t, map[string]string{"gateway.yaml": w.policies()["gateway.yaml"] + "  audit: { mode: strict }\n"}))
}

// TestStrict: an intent stands before the record of its exchange; a refused request has none.
func TestStrict(t *testing.T) {
	w := start(t, env.FleetOptions{})
	w.strict(t)
	w.judges(t)
	w.published(t, 3)
	w.StopNATS() // durable means this machine's disk
	w.judges(t)
	if err := w.StartNATS(); err != nil {
		t.Fatal(err)
	}
	w.Records = env.Follow(t.Context(), w.NATS)
	w.published(t, 6)
	if err := w.Extproc.Stop(); err != nil {
		t.Error(err)
	}
	phases := map[string]string{} // by decision
	for _, e := range w.verified(t) {
		phases[e.Own().DecisionID] += e.Own().Phase + " " + e.Own().Outcome + ". "
	}
	got := slices.Sorted(maps.Values(phases))
	allowed, denied := "intent allow. exchange allow. ", "exchange deny. "
	if want := []string{denied, denied, allowed, allowed}; !slices.Equal(got, want) {
		t.Errorf("records by decision: %q, want %q", got, want)
	}
}

// TestKilledUnderLoad: in mode strict no request reaches an upstream without a record that outlives a SIGKILL, and the chain goes on.
func TestKilledUnderLoad(t *testing.T) {
	w := start(t, env.FleetOptions{})
	w.strict(t)
	for round := range 3 {
		w.loadAndKill(t)
		if err := w.StartExtproc(t.Context()); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		w.judges(t)
	}
	if err := w.Extproc.Stop(); err != nil {
		t.Error(err)
	}
	records := w.verified(t)
	inOrder(t, records)
	intents := map[string]bool{}
	for _, e := range records {
		if e.Own().Phase == "intent" {
			intents[agentOf(t, e)] = true
		}
	}
	served := w.anthropic.Requests()
	for _, q := range served {
		if name := q.Header.Get("user-agent"); !intents[name] {
			t.Errorf("the upstream saw %s, and no record tells of it", name)
		}
	}
	if len(served) < 60 {
		t.Errorf("only %d requests were served: that is no load", len(served))
	}
	t.Logf("%d requests served, %d records", len(served), len(records))
}

// loadAndKill kills extproc in the middle of many requests: when 20 of them have been served.
func (w *world) loadAndKill(t *testing.T) {
	t.Helper()
	before := len(w.anthropic.Requests())
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for ctx.Err() == nil {
				req := w.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, false)
				tagged(req)
				if a := call(t, req); a.status != http.StatusOK {
					return // extproc is gone
				}
			}
		})
	}
	await.Until(t, "requests to be served", func() bool { return len(w.anthropic.Requests()) >= before+20 })
	w.Extproc.Kill()
	workers.Wait()
	if ctx.Err() != nil {
		t.Fatal("requests were served though extproc was killed")
	}
}

func agentOf(t testing.TB, e tail.Event) string { return factOf(t, e).HTTP.Agent }

// lost waits until so many records were given up because the log cannot be written.
func (w *world) lost(t testing.TB, n float64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.AwaitMetric(ctx, `bartizan_audit_dropped_total{reason="broken"}`, n); err != nil {
		t.Fatal(err)
	}
}

// TestUnwritable: when records cannot be written, requests are refused, and no upstream is called. The directory of the log is moved
// away before its first file is made there: for root too, that is a disk that cannot be written.
func TestUnwritable(t *testing.T) {
	for _, mode := range []string{"durable", "strict"} {
		t.Run(mode, func(t *testing.T) {
			w := start(t, env.FleetOptions{})
			if mode == "strict" {
				w.strict(t)
			}
			dir := filepath.Join(w.Dir, "extproc", "audit")
			if err := os.Rename(dir, dir+".away"); err != nil {
				t.Fatal(err)
			}
			if mode == "durable" { // the exchange that finds out: its closing record is counted as lost, and is the last one
				call(t, w.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, false))
				w.lost(t, 1) // its client may have the answer before the record is tried
			}
			for range 3 {
				req := w.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, false)
				name := tagged(req)
				a := call(t, req)
				if a.err != nil || a.status != http.StatusServiceUnavailable {
					t.Fatalf("%d %s, error %v", a.status, a.body, a.err)
				}
				if said := message(t, "anthropic", a); !strings.Contains(said, "record") {
					t.Errorf("the message is %q", said)
				}
				if seen := w.upstreamOf(name); len(seen) > 0 {
					t.Errorf("the upstream was called %d times", len(seen))
				}
			}
			if err := os.Rename(dir+".away", dir); err != nil {
				t.Fatal(err)
			}
			w.Extproc.Kill() // a broken log stays broken
			if err := w.StartExtproc(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.judges(t)
			if err := w.Extproc.Stop(); err != nil {
				t.Error(err)
			}
			inOrder(t, w.verified(t))
		})
	}
}
