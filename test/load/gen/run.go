package gen

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Load says how much of a request is sent.
type Load struct {
	// Workers is the number of connections, and of requests that can be under way at once; at least 1.
	Workers int
	// Rate is the number of requests due a second (open loop); 0: each worker sends as soon as it can (closed loop).
	Rate float64
	// Duration ends the run: no request starts after it; those under way are waited for. It includes Warmup.
	Duration time.Duration
	// Count ends the run after so many requests; 0: only Duration does. One of the two is required.
	Count int64
	// Warmup is the time from the start whose requests are sent and not measured.
	Warmup time.Duration
	// Timeout of one request; 0: 30 s.
	Timeout time.Duration
}

// Validate says what is wrong with a load.
func (l Load) Validate() error {
	switch {
	case l.Workers < 1 || l.Workers > 20_000:
		return fmt.Errorf("workers: %d is not in 1..20000", l.Workers)
	case l.Rate < 0 || l.Rate > 1e6:
		return fmt.Errorf("rate: %v is not in 0..1000000 a second", l.Rate)
	case l.Duration <= 0 && l.Count <= 0:
		return errors.New("duration or count is required")
	case l.Warmup < 0 || l.Duration > 0 && l.Warmup >= l.Duration:
		return fmt.Errorf("warmup: %s is not shorter than the duration", l.Warmup)
	}
	return nil
}

// Result is what a run measured, warm-up left out.
type Result struct {
	Requests  int64            `json:"requests"` // answered with 2xx to the end of the body
	Failed    int64            `json:"failed"`
	Errors    map[string]int64 `json:"errors,omitempty"` // failed requests by reason: "status 503", "timeout", "cut", "dial", ...
	Elapsed   float64          `json:"elapsed_s"`
	Rate      float64          `json:"requests_per_s"`
	Bytes     int64            `json:"body_bytes"`
	Events    int64            `json:"events"` // server-sent events
	Latency   Summary          `json:"latency"`
	FirstByte Summary          `json:"first_byte"`
	EventGap  Summary          `json:"event_gap"`
	EventAge  Summary          `json:"event_age"` // from the upstream's stamp to the arrival, by the machine's wall clock
	// Late counts the requests of an open loop for which no worker was free when they were due: the server, or too few workers.
	Late int64 `json:"late"`
	// Oversleep is how late the free workers of an open loop woke: the generator's own fault, and not part of Latency.
	Oversleep Summary `json:"oversleep"`
}

// run is one run under way.
type run struct {
	load    Load
	request *prepared
	start   time.Time
	next    atomic.Int64 // number of the next request

	latency, firstByte, gap, age, oversleep Histogram
	bytes, events, late                     atomic.Int64

	mu     sync.Mutex
	errors map[string]int64
}

// Run sends req as l says and measures. It returns when all requests have ended, or soon after ctx has; the error is about
// the arguments, or says that the target cannot be reached at all.
func Run(ctx context.Context, req Request, l Load) (Result, error) {
	if err := l.Validate(); err != nil {
		return Result{}, err
	}
	p, err := req.prepare()
	if err != nil {
		return Result{}, err
	}
	if l.Timeout <= 0 {
		l.Timeout = 30 * time.Second
	}
	if err := p.reachable(ctx); err != nil {
		return Result{}, err
	}
	r := &run{load: l, request: p, start: time.Now(), errors: map[string]int64{}}
	var workers sync.WaitGroup
	for range l.Workers {
		workers.Go(func() { r.work(ctx) })
	}
	workers.Wait()
	return r.result(time.Since(r.start) - l.Warmup), nil
}

// work sends requests on one connection until the run is over.
func (r *run) work(ctx context.Context) {
	c := &conn{request: r.request, timeout: r.load.Timeout}
	defer c.close()
	for {
		n := r.next.Add(1) - 1
		due, ok := r.due(ctx, n)
		if !ok {
			return
		}
		seen, reason := c.exchange(ctx, n)
		if due.Sub(r.start) < r.load.Warmup || ctx.Err() != nil {
			continue
		}
		r.note(due, seen, reason)
	}
}

// due waits for the time of request n, and returns the time from which its latency counts. It is false after the run's end.
func (r *run) due(ctx context.Context, n int64) (time.Time, bool) {
	now := time.Now()
	due := now
	if r.load.Rate > 0 {
		due = r.start.Add(time.Duration(float64(n) / r.load.Rate * float64(time.Second)))
	}
	over := r.load.Count > 0 && n >= r.load.Count || r.load.Duration > 0 && due.Sub(r.start) >= r.load.Duration
	if over || ctx.Err() != nil {
		return due, false
	}
	if wait := due.Sub(now); wait > 0 {
		if !sleep(ctx, wait) {
			return due, false
		}
		now = time.Now()
		r.oversleep.Record(now.Sub(due))
		return now, true
	}
	if r.load.Rate > 0 {
		r.late.Add(1)
	}
	return due, true
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *run) note(due time.Time, s *seen, reason string) {
	r.bytes.Add(s.bytes)
	r.events.Add(s.events)
	for _, g := range s.gaps {
		r.gap.Record(g)
	}
	for _, a := range s.ages {
		r.age.Record(a)
	}
	if reason != "" {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.errors[reason]++
		return
	}
	r.latency.Record(s.end.Sub(due))
	r.firstByte.Record(s.first.Sub(due))
}

func (r *run) result(elapsed time.Duration) Result {
	out := Result{
		Errors: r.errors, Elapsed: elapsed.Seconds(), Bytes: r.bytes.Load(), Events: r.events.Load(), Late: r.late.Load(),
		Latency: r.latency.Summary(), FirstByte: r.firstByte.Summary(), EventGap: r.gap.Summary(), EventAge: r.age.Summary(),
		Oversleep: r.oversleep.Summary(),
	}
	out.Requests = out.Latency.Count
	for _, n := range r.errors {
		out.Failed += n
	}
	if elapsed > 0 {
		out.Rate = float64(out.Requests) / elapsed.Seconds()
	}
	return out
}
