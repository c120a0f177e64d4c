package server

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	dataalsv3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"bartizan/extproc/audit"
	"bartizan/extproc/bundle"
	"bartizan/filters"
)

// entry is what Envoy says of a request that got a 503.
func entry(id, route, by string) *dataalsv3.HTTPAccessLogEntry {
	e := &dataalsv3.HTTPAccessLogEntry{
		CommonProperties: &dataalsv3.AccessLogCommon{RouteName: route},
		Request:          &dataalsv3.HTTPRequestProperties{RequestId: id, Path: "/v1/messages?q=1"},
		Response:         &dataalsv3.HTTPResponseProperties{ResponseCode: wrapperspb.UInt32(503), ResponseCodeDetails: "details"},
	}
	if by != "" {
		stamp, _ := structpb.NewStruct(map[string]any{"by": by, "request": "seen"})
		e.CommonProperties.Metadata = &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{"bartizan": stamp}}
	}
	return e
}

// heardOf is the word of an exchange.
func heardOf(b *bench, id, by string) { b.closing.heard(newWord(entry(id, "llm", by))) }

func unsure(id string) *filters.Record {
	return &filters.Record{Phase: filters.PhaseExchange, Outcome: filters.OutcomeAborted, EndedBy: filters.EndedByClient, Status: 200, Exchange: &filters.Exchange{ID: id}}
}

// Each line is one thing that happens; the record that comes of it all is one, and says what the client got.
func TestClosing(t *testing.T) {
	const joined, alone, orphan = "error envoy 503", "aborted client 200", "error envoy 503"
	tests := []struct {
		name  string
		steps []string
		want  []string
	}{
		{"stream, then log", []string{"stream r1", "log r1 llm me"}, []string{joined}},
		{"log, then stream", []string{"log r1 llm me", "stream r1"}, []string{joined}},
		{"log of a stream that had said nothing", []string{"log r1 llm -", "stream r1"}, []string{joined}},
		{"stream without log", []string{"stream r1", "wait"}, []string{alone}},
		{"log after its time", []string{"stream r1", "wait", "log r1 llm me", "wait"}, []string{alone}},
		{"log of an exchange that was closed", []string{"log r1 llm me", "wait"}, nil},
		{"log without stream", []string{"log r1 llm -", "wait"}, []string{orphan}},
		{"log without route", []string{"log r1 - -"}, []string{orphan}},
		{"log without request id", []string{"log - llm -"}, []string{orphan}},
		{"log of a former instance", []string{"log r1 llm other"}, []string{orphan}},
		{"stream without request id", []string{"stream -"}, []string{alone}},
		{"two streams of one id", []string{"stream r1", "stream r1", "wait"}, []string{alone, alone}},
		{"two logs of one id", []string{"log r1 llm me", "log r1 llm me", "stream r1", "wait"}, []string{joined}},
		{"others", []string{"stream r1", "log r2 llm me", "log r1 llm me", "stream r2"}, []string{joined, joined}},
		{"flush with stream", []string{"stream r1", "flush", "wait"}, []string{alone}},
		{"flush with log without stream", []string{"log r1 llm -", "flush", "wait"}, []string{orphan}},
		{"flush with log", []string{"log r1 llm me", "flush", "wait"}, nil},
		{"flush, then stream", []string{"flush", "stream r1"}, []string{alone}},
		{"flush, then log", []string{"flush", "log r1 llm -"}, []string{orphan}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, "durable", nil)
				for _, step := range tt.steps {
					words := strings.Fields(strings.ReplaceAll(step, "-", "''"))
					for i := range words {
						words[i] = strings.Trim(words[i], "'")
					}
					switch words[0] {
					case "stream":
						b.closing.await(words[1], audit.Options{}, unsure(words[1]))
					case "log":
						b.closing.heard(newWord(entry(words[1], words[2], words[3])))
					case "wait":
						time.Sleep(closingWait + time.Millisecond)
						synctest.Wait()
					case "flush":
						b.closing.flush()
					}
				}
				if got := b.audit.all(); !slices.Equal(got, tt.want) {
					t.Errorf("records %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// A timer that has fired and not yet got the lock has no say: neither may it keep a record from the flush, nor take the record of
// another exchange.
func TestLateTimer(t *testing.T) {
	b := newBench(t, "durable", nil)
	b.closing.await("r1", audit.Options{}, unsure("r1"))
	b.closing.expire("r1", unsure("before"))
	if got := b.audit.all(); len(got) != 0 {
		t.Errorf("the timer of another record closed %q", got)
	}
	b.closing.records["r1"].timer.Stop() // as if it had fired
	b.closing.flush()
	if got := b.audit.all(); len(got) != 1 {
		t.Errorf("records %q, want one", got)
	}
}

// What a record says that only the access log knows.
func TestOrphan(t *testing.T) {
	b := newBench(t, "durable", nil)
	e := entry("r1", "llm", "gone")
	e.Request.Path = "/" + strings.Repeat("é", 40<<10) + "?q"
	e.Response.ResponseCode, e.Response.ResponseCodeDetails = wrapperspb.UInt32(413), "request_payload_too_large"
	b.closing.heard(newWord(e))
	b.audit.wait(t, 1)
	r := b.audit.records[0]
	if r.Outcome != filters.OutcomeDeny || r.Status != 413 || r.Commit != "c0ffee" || r.Exchange.Route.Target != "anthropic" || r.Exchange.ID == "" ||
		!strings.Contains(r.Detail, "request_payload_too_large") {
		t.Errorf("record %+v of %+v", r, r.Exchange)
	}
	if n := len(r.Exchange.Request.Path); n > maxWord || strings.ToValidUTF8(r.Exchange.Request.Path, "") != r.Exchange.Request.Path {
		t.Errorf("a path of %d bytes", n)
	}
	if since := time.Since(r.Time); since > time.Minute {
		t.Errorf("without a start time: %v ago", since)
	}
}

// The table is bounded: past its bound records are closed at once, and none is lost.
func TestClosingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := newClosing(func(audit.Options, *filters.Record) { n++ }, "me", func() *bundle.Bundle { return nil })
		for i := range maxWaiting + 10 {
			c.await(fmt.Sprint("r", i), audit.Options{}, unsure("x"))
			c.heard(newWord(entry(fmt.Sprint("w", i), "llm", "me")))
		}
		if len(c.records) != maxWaiting || len(c.words) != maxWaiting || n != 10 {
			t.Errorf("%d records and %d words wait, %d were closed", len(c.records), len(c.words), n)
		}
		if c.flush(); n != maxWaiting+10 {
			t.Errorf("%d records of %d", n, maxWaiting+10)
		}
	})
}

// Whatever meets whatever: streams, logs, timers and the flush, all at once, leave one record each.
func TestClosingRaces(t *testing.T) {
	var mu sync.Mutex
	counts := map[string]int{}
	for range 20 {
		clear(counts)
		c := newClosing(func(_ audit.Options, r *filters.Record) {
			mu.Lock()
			defer mu.Unlock()
			counts[r.Exchange.ID]++
		}, "me", func() *bundle.Bundle { return nil })
		var all sync.WaitGroup
		for i := range 200 {
			id := fmt.Sprint(i)
			r, w := unsure(id), newWord(entry(id, "llm", "me"))
			all.Go(func() { c.await(id, audit.Options{}, r) })
			all.Go(func() { c.heard(w) })
			all.Go(func() { c.expire(id, r) })
			all.Go(func() { c.forget(w) })
		}
		all.Go(c.flush)
		all.Wait()
		c.flush()
		for i := range 200 {
			if n := counts[fmt.Sprint(i)]; n != 1 {
				t.Fatalf("%d records of exchange %d", n, i)
			}
		}
	}
}
