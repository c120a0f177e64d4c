package server

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bartizan/extproc/bundle"
)

// A panic breaks its own stream with an error, is recorded and counted, and leaves others alone, wherever it happens.
func TestPanicBreaksOneStream(t *testing.T) {
	tests := []struct {
		name string
		say  []*extproc.ProcessingRequest
		hear []string
	}{
		{"decode", []*extproc.ProcessingRequest{requestHeaders("r1", 5), requestBody("PANIC")}, []string{"request headers seen"}},
		{
			"read",
			[]*extproc.ProcessingRequest{requestHeaders("r1", 5), requestBody(goodBody), responseHeaders(sse), responseBody("PANIC", false)},
			[]string{"request headers seen", "request body judged", "response headers"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, "durable", nil)
			conn := b.serve(t)
			other, _ := dial(t, conn)
			upTo(t, other, "other")

			s, _ := dial(t, conn)
			say(t, s, tt.say...)
			expect(t, s, append(tt.hear, "Internal")...)

			say(t, other, responseBody("", true))
			expect(t, other, "last")
			b.audit.wait(t, 1)
			heardOf(b, "r1", "me") // what the client got
			b.audit.wait(t, 1)
			if got := b.audit.all(); !slices.Equal(got, []string{"allow upstream 200", "error envoy 503"}) || !strings.Contains(b.audit.details(), "panic") {
				t.Errorf("records %q, %q", got, b.audit.details())
			}
			if n := b.metric(t, "bartizan_extproc_panics_total", ""); n != 1 {
				t.Errorf("%v panics counted", n)
			}
			if !b.budget.TryAcquire(b.cfg.Budget) {
				t.Error("the budget was not given back")
			}
		})
	}
}

// A record that cannot even be encoded does not end the service.
func TestPanicInAudit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "durable", nil)
		b.audit.panics = true
		p := b.open()
		upTo(t, p, "r1")
		say(t, p, responseBody("", true))
		expect(t, p, "last")
		p.cancel()
		if err := p.end(); err != nil {
			t.Errorf("the exchange had ended, and its stream says %v", err)
		}
		if n := b.metric(t, "bartizan_extproc_unrecorded_total", ""); n != 1 {
			t.Errorf("%v unrecorded", n)
		}
	})
}

func TestNoBundle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "durable", func(c *Config) { c.Bundle = func() *bundle.Bundle { return nil } })
		expect(t, b.open(), "Unavailable")
	})
}

func TestAdmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "durable", func(c *Config) { c.Budget = 100 })
		first := b.open()
		say(t, first, requestHeaders("r1", 100))
		expect(t, first, "request headers seen")

		began := time.Now()
		second := b.open()
		say(t, second, requestHeaders("r2", 1))
		expect(t, second, "503 bartizan_overloaded")
		if waited := time.Since(began); waited != 2*time.Second {
			t.Errorf("waited %v for room", waited)
		}

		third := b.open()
		say(t, third, requestHeaders("r3", -1)) // of unknown length, so of the largest: still no more than the budget
		synctest.Wait()
		say(t, first, requestBody(goodBody))
		expect(t, first, "request body judged")
		expect(t, third, "request headers seen") // in the same instant
		if waited := time.Since(began); waited != 2*time.Second {
			t.Errorf("the third waited until %v", waited)
		}

		left := b.open()
		say(t, left, requestHeaders("r4", 1))
		synctest.Wait()
		left.cancel()
		if err := left.end(); status.Code(err) != codes.Aborted {
			t.Errorf("a client that left while it waited: %v", err)
		}

		first.cancel() // in mid-exchange
		third.cancel()
		second.cancel()
		if err := second.end(); err != nil {
			t.Errorf("a refused exchange ends with %v", err)
		}
		first.end()
		third.end()
		time.Sleep(closingWait)
		synctest.Wait()
		want := []string{"aborted client 0", "aborted client 0", "aborted client 0", "error gateway 503"}
		if got := b.audit.all(); !slices.Equal(sorted(got), want) {
			t.Errorf("records %q, want %q", got, want)
		}
		if n := b.metric(t, "bartizan_extproc_overloaded_total", bodyRequest); n != 1 {
			t.Errorf("%v counted as overloaded", n)
		}
		if !b.budget.TryAcquire(100) {
			t.Error("the budget was not given back")
		}
	})
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

func TestUnrecordable(t *testing.T) {
	broken := errors.New("disk")
	tests := []struct {
		name, mode string
		change     func(*auditor)
		want       []string
	}{
		{"no room for the record", "durable", func(a *auditor) { a.admit = broken }, []string{"503 bartizan_unrecordable"}},
		{"strict, no room", "strict", func(a *auditor) { a.admit = broken }, []string{"503 bartizan_unrecordable"}},
		{"best effort goes on", "best_effort", func(a *auditor) { a.admit = broken }, []string{"request headers seen", "request body judged"}},
		{"strict, not durable", "strict", func(a *auditor) { a.durable = broken }, []string{"request headers seen", "503 bartizan_unrecordable"}},
		{"durable does not ask", "durable", func(a *auditor) { a.durable = broken }, []string{"request headers seen", "request body judged"}},
		{"strict, well", "strict", func(*auditor) {}, []string{"request headers seen", "request body judged"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, tt.mode, nil)
				tt.change(b.audit)
				p := b.open()
				say(t, p, requestHeaders("r1", len(goodBody)))
				expect(t, p, tt.want[0])
				if len(tt.want) > 1 {
					say(t, p, requestBody(goodBody))
					expect(t, p, tt.want[1])
				}
				p.cancel()
				p.end()
				time.Sleep(closingWait)
				synctest.Wait()
				records := b.audit.all()
				if intent := len(records) > 0 && records[0] == "intent allow"; intent != (tt.name == "strict, well") {
					t.Errorf("records %q", records)
				}
				if closed := records[len(records)-1]; strings.HasPrefix(tt.want[len(tt.want)-1], "503") != (closed == "error gateway 503") {
					t.Errorf("records %q", records)
				}
			})
		})
	}
}

// Each phase ends by itself: before an answer with an error, for which Envoy answers; a held answer with a refusal, a streamed one
// with a well-formed end.
func TestDeadlines(t *testing.T) {
	head, body := requestHeaders("r1", len(goodBody)), requestBody(goodBody)
	tests := []struct {
		phase string
		say   []*extproc.ProcessingRequest
		hear  []string
		after time.Duration
		end   string
	}{
		{"request_headers", nil, nil, time.Minute, "DeadlineExceeded"},
		{"request_body", []*extproc.ProcessingRequest{head}, []string{"request headers seen"}, 6 * time.Minute, "DeadlineExceeded"},
		{"response_headers", []*extproc.ProcessingRequest{head, body}, []string{"request headers seen", "request body judged"}, 11 * time.Minute, "DeadlineExceeded"},
		{
			"response_body",
			[]*extproc.ProcessingRequest{head, body, responseHeaders(inJSON), responseBody("{", false)},
			[]string{"request headers seen", "request body judged"},
			330 * time.Second, "502 bartizan_upstream",
		},
		{
			"response_body",
			[]*extproc.ProcessingRequest{head, body, responseHeaders(sse), responseBody(ping, false)},
			[]string{"request headers seen", "request body judged", "response headers", "part"},
			330 * time.Second, "cut",
		},
	}
	for _, tt := range tests {
		t.Run(tt.phase+" "+tt.end, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, "durable", nil)
				p := b.open()
				for _, m := range tt.say {
					synctest.Wait()
					time.Sleep(50 * time.Second) // each message begins a phase anew
					say(t, p, m)
				}
				expect(t, p, tt.hear...)
				synctest.Wait()
				began := time.Now()
				expect(t, p, tt.end)
				if after := time.Since(began); after != tt.after {
					t.Errorf("ended after %v, want %v", after, tt.after)
				}
				if n := b.metric(t, "bartizan_extproc_deadlines_total", tt.phase); n != 1 {
					t.Errorf("%v deadlines counted", n)
				}
				if tt.end == "cut" || strings.HasPrefix(tt.end, "502") { // then Envoy closes; and if it forgets, we do
					began = time.Now()
					if err := p.end(); err != nil || time.Since(began) != time.Minute {
						t.Errorf("closed with %v after %v", err, time.Since(began))
					}
				}
			})
		})
	}
}

// What is held back is bounded over all streams: past it an answer is refused, and what others hold is not touched.
func TestHeldAnswersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "durable", func(c *Config) { c.HeldBudget = 1 << 20 })
		part := strings.Repeat(" ", 800<<10)
		hold := func(id string) *pipe {
			p := b.open()
			say(t, p, requestHeaders(id, len(goodBody)), requestBody(goodBody), responseHeaders(inJSON), responseBody(part, false))
			expect(t, p, "request headers seen", "request body judged")
			return p
		}
		first := hold("r1")
		synctest.Wait()
		second := hold("r2")
		expect(t, second, "503 bartizan_overloaded")
		small := b.open() // what fits into a window asks for no room
		say(t, small, requestHeaders("r3", len(goodBody)), requestBody(goodBody), responseHeaders(inJSON), responseBody(strings.Repeat(" ", holdBlock), false))
		expect(t, small, "request headers seen", "request body judged")
		say(t, first, responseBody(`{"type":"message","content":[]}`, true))
		expect(t, first, "response headers", "part")
		for hear(t, first) != "last" {
		}
		synctest.Wait() // the room is given back once the last part is on its way
		third := hold("r4")
		say(t, third, responseBody("PANIC", false))
		expect(t, third, "Internal")
		fourth := hold("r5")
		synctest.Wait()
		for _, p := range []*pipe{first, second, third, fourth, small} {
			p.cancel()
			p.end()
		}
		if !b.answers.TryAcquire(1 << 20) {
			t.Error("the budget was not given back")
		}
		if n := b.metric(t, "bartizan_extproc_overloaded_total", bodyAnswer); n != 1 {
			t.Errorf("%v answers refused", n)
		}
	})
}

// A stream that breaks on our side is no client that left.
func TestBrokenStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "durable", nil)
		p := b.open()
		p.breaks = status.Error(codes.ResourceExhausted, "grpc: received message larger than max")
		say(t, p, requestHeaders("r1", len(goodBody)))
		expect(t, p, "request headers seen")
		close(p.in)
		if err := p.end(); status.Code(err) != codes.Internal {
			t.Errorf("ended with %v", err)
		}
		time.Sleep(closingWait)
		synctest.Wait()
		if got := b.audit.all(); !slices.Equal(got, []string{"error gateway 0"}) || !strings.Contains(b.audit.details(), "larger than max") {
			t.Errorf("records %q, %q", got, b.audit.details())
		}
	})
}

// A stream that the end of the drain breaks while something is being sent was ended by the gateway; at any other time it was the client
// that left.
func TestSendFails(t *testing.T) {
	for stopping, want := range map[bool]string{true: "error gateway 200", false: "aborted client 200"} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, "durable", nil)
			p := b.open()
			upTo(t, p, "r1")
			b.stopping.Store(stopping)
			p.deaf = status.Error(codes.Unavailable, "transport is closing")
			say(t, p, responseBody(ping, false))
			if err := p.end(); err == nil {
				t.Error("the stream ended with OK")
			}
			time.Sleep(closingWait)
			synctest.Wait()
			if got := b.audit.all(); !slices.Equal(got, []string{want}) {
				t.Errorf("records %q, want %q", got, want)
			}
		})
	}
}
