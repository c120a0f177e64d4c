package server

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dataalsv3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	alsv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"bartizan/extproc/bundle"
	"bartizan/filters"
)

func stateOf(t *testing.T, conn *grpc.ClientConn) string {
	t.Helper()
	r, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return r.GetStatus().String()
}

func TestHealth(t *testing.T) {
	b := newBench(t, "durable", nil)
	conn := b.serve(t)
	if got := stateOf(t, conn); got != "NOT_SERVING" {
		t.Errorf("before the first bundle: %s", got)
	}
	b.SetServing(true)
	if got := stateOf(t, conn); got != "SERVING" {
		t.Errorf("ready: %s", got)
	}
	s, _ := dial(t, conn) // keeps the drain waiting
	upTo(t, s, "r1")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watch, err := healthpb.NewHealthClient(conn).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	states := func() string {
		r, err := watch.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return r.GetStatus().String()
	}
	if got := states(); got != "SERVING" {
		t.Errorf("watch: %s", got)
	}
	drained := make(chan struct{})
	go func() { b.Drain(ctx); close(drained) }()
	if got := states(); got != "NOT_SERVING" {
		t.Errorf("draining: %s", got)
	}
	b.SetServing(true)
	if r, err := b.health.Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil || r.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("a draining server says %v, %v", r.GetStatus(), err)
	}
	cancel()
	<-drained
}

// openLog opens a stream of Envoy's access log and sends entries.
func openLog(t *testing.T, conn *grpc.ClientConn, entries ...*dataalsv3.HTTPAccessLogEntry) alsv3.AccessLogService_StreamAccessLogsClient {
	t.Helper()
	log, err := alsv3.NewAccessLogServiceClient(conn).StreamAccessLogs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tell(t, log, entries...)
	return log
}

func tell(t *testing.T, log alsv3.AccessLogService_StreamAccessLogsClient, entries ...*dataalsv3.HTTPAccessLogEntry) {
	t.Helper()
	err := log.Send(&alsv3.StreamAccessLogsMessage{LogEntries: &alsv3.StreamAccessLogsMessage_HttpLogs{
		HttpLogs: &alsv3.StreamAccessLogsMessage_HTTPAccessLogEntries{LogEntry: entries},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// A drain waits for exchanges, takes Envoy's word about them, and does not wait for the access log to end, which never does.
func TestDrainLetsExchangesEnd(t *testing.T) {
	b := newBench(t, "durable", nil)
	b.lag = closingWait // this test is no Envoy, which speaks at once
	conn := b.serve(t)
	good, _ := dial(t, conn)
	upTo(t, good, "good")
	left, leave := dial(t, conn)
	upTo(t, left, "left")
	log := openLog(t, conn, entry("early", "-", "other"))
	b.audit.wait(t, 1)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	drained := make(chan struct{})
	go func() { defer close(drained); b.Drain(ctx) }()
	leave()
	say(t, good, responseBody(ping, false), responseBody("", true))
	expect(t, good, "part", "last")
	b.audit.wait(t, 1)
	good.CloseSend()
	expect(t, good, "OK") // it had ended
	tell(t, log, entry("left", "llm", "me"))
	select {
	case <-drained:
	case <-time.After(15 * time.Second):
		t.Fatal("the drain waits for the access log")
	}
	if got := b.audit.all(); !slices.Equal(got, []string{"error envoy 503", "allow upstream 200", "error envoy 503"}) {
		t.Errorf("records %q", got)
	}
}

// What is still running when the drain's time is up is broken off, never ended with OK, and recorded before Drain returns.
func TestDrainBreaksOff(t *testing.T) {
	b := newBench(t, "durable", nil)
	conn := b.serve(t)
	mid, _ := dial(t, conn)
	upTo(t, mid, "mid")
	early, _ := dial(t, conn)
	say(t, early, requestHeaders("early", len(goodBody)))
	expect(t, early, "request headers seen")
	openLog(t, conn)

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	b.Drain(ctx)
	for _, s := range []envoy{mid, early} {
		if got := hear(t, s); got == "OK" || strings.Contains(got, "last") || strings.Contains(got, "judged") {
			t.Errorf("a stream ended with %q", got)
		}
	}
	if got := b.audit.all(); !slices.Equal(sorted(got), []string{"error gateway 0", "error gateway 200"}) {
		t.Errorf("records %q: want the gateway to be named, not the client", got)
	}
	if n := b.metric(t, "bartizan_extproc_streams", ""); n != 0 {
		t.Errorf("%v streams after the drain", n)
	}
}

// A body above our limit is refused by us, in the caller's protocol: the message limit of gRPC lies above it.
func TestLargeBodyIsRefusedByUs(t *testing.T) {
	if maxMessage < bundle.MaxRequestBytes+2<<20 {
		t.Fatalf("messages of %d bytes cannot carry a body of %d and what stands around it", maxMessage, bundle.MaxRequestBytes)
	}
	b := newBench(t, "durable", nil)
	s, _ := dial(t, b.serve(t))
	say(t, s, requestHeaders("r1", -1))
	expect(t, s, "request headers seen")
	say(t, s, requestBody(strings.Repeat("x", 40<<20+1)))
	expect(t, s, "413 bartizan_too_large")
	b.audit.wait(t, 1)
	if got := b.audit.all(); !slices.Equal(got, []string{"deny gateway 413"}) {
		t.Errorf("records %q", got)
	}
}

// 200 exchanges at once, ending in every way that there is, under a budget that makes them wait: one record each, no leak.
func TestManyStreams(t *testing.T) {
	const n = 200
	b := newBench(t, "durable", func(c *Config) { c.Budget, c.Admission = 20*int64(len(goodBody)), 30*time.Second })
	conn := b.serve(t)
	log := openLog(t, conn)
	var logging sync.Mutex
	var all sync.WaitGroup
	for i := range n {
		s, leave := dial(t, conn)
		all.Go(func() {
			id := fmt.Sprint("r", i)
			if i%5 == 4 {
				say(t, s, requestHeaders(id, len(goodBody)), requestBody("PANIC"))
				hear(t, s)
				hear(t, s)
			} else {
				upTo(t, s, id)
			}
			switch i % 5 {
			case 0: // an answer to its end
				say(t, s, responseBody(ping, false), responseBody("", true))
				expect(t, s, "part", "last")
			case 1: // the client leaves
			case 2: // the upstream sends nonsense
				say(t, s, responseBody("data: {\n\n", false))
				expect(t, s, "cut")
			case 3: // Envoy says what is out of order
				say(t, s, requestBody("x"))
				expect(t, s, "FailedPrecondition")
			}
			leave() // as Envoy does in the end, whatever came before
			logging.Lock()
			defer logging.Unlock()
			tell(t, log, entry(id, "llm", "me"))
		})
	}
	all.Wait()
	b.audit.wait(t, n)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	b.Drain(ctx)
	ids := map[string]int{}
	for _, r := range b.audit.records {
		if r.Phase == filters.PhaseExchange {
			ids[r.Exchange.Request.ID]++
		}
	}
	if len(ids) != n || len(b.audit.records) != n {
		t.Errorf("%d records of %d exchanges, want %d", len(b.audit.records), len(ids), n)
	}
	if !b.budget.TryAcquire(b.cfg.Budget) || !b.answers.TryAcquire(b.cfg.HeldBudget) {
		t.Error("a budget was not given back")
	}
}
