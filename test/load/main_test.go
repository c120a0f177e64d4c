package main

import (
	"strings"
	"testing"
	"time"

	"bartizan/test/env"
	"bartizan/test/load/gen"
	"bartizan/test/load/proc"
)

// TestMeasure runs the smallest plan through everything: the three variants with real Envoys, the generator, NATS.
func TestMeasure(t *testing.T) {
	cpus, err := proc.CPUs()
	if err != nil {
		t.Fatal(err)
	}
	if len(cpus) < 2 {
		t.Skip("measuring needs two CPUs")
	}
	binary, err := env.Binary()
	if err != nil {
		t.Fatal(err)
	}
	p := quickPlan()
	for _, s := range p.scenarios {
		for i := range s.loads {
			s.loads[i].duration = 500 * time.Millisecond // enough for one whole exchange of each
		}
	}
	r, err := measure(t.Context(), binary, p, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range p.scenarios {
		for _, l := range s.loads {
			for v := range variants {
				r.check(t, cell{s.name, l.phase, v})
			}
		}
	}
	for _, want := range []string{"| p50, ms |", "| time to first event, p50, ms |", "## Targets"} {
		if text := r.markdown(); !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func (r *report) check(t *testing.T, at cell) {
	t.Helper()
	seen := r.samples[at]
	if len(seen) != 1 {
		t.Fatalf("%+v: %d observations, want 1", at, len(seen))
	}
	o := seen[0]
	if o.Requests == 0 || o.envoy == 0 || (o.processor == 0) != (at.variant == bare) || o.driver == 0 {
		t.Errorf("%+v: %+v", at, o)
	}
	if (o.Events == 200*o.Requests) != (at.scenario == events) {
		t.Errorf("%+v: %d events in %d exchanges", at, o.Events, o.Requests)
	}
}

// made is a report of two rounds in which Bartizan's figures are as given.
func made(p50, each time.Duration, rate, restBusy float64) *report {
	p := fullPlan()
	r := &report{plan: p, samples: map[cell][]observation{}}
	for _, s := range p.scenarios {
		for _, l := range s.loads {
			for v := range variants {
				o := observation{envoy: 50 * time.Millisecond, processor: 50 * time.Millisecond}
				o.Result = gen.Result{Requests: 100, Rate: 2000, Latency: gen.Summary{P50: 500}}
				if v == bartizan {
					o.Latency.P50, o.Rate, o.restBusy = float64(p50.Microseconds()), rate, restBusy
					o.processor = 100*each - o.envoy
				}
				at := cell{s.name, l.phase, v}
				r.samples[at] = []observation{o, o}
			}
		}
	}
	return r
}

func TestTargets(t *testing.T) {
	if text := made(900*time.Microsecond, 1200*time.Microsecond, 1500, 0.5).markdown(); strings.Count(text, "| met |") != 3 || strings.Contains(text, "missed") {
		t.Errorf("all three targets are met, and the report says\n%s", text)
	}
	if text := made(1200*time.Microsecond, 1400*time.Microsecond, 1300, 0.5).markdown(); strings.Count(text, "**missed**") != 3 {
		t.Errorf("no target is met, and the report says\n%s", text)
	}
}

func TestLoadWasTheLimit(t *testing.T) {
	const bound = "| 2000 | 2000 | ≥ 1500 | 0.75 | 0.75 |"
	if text := made(time.Millisecond, time.Millisecond, 1500, 0.9).markdown(); !strings.Contains(text, bound) {
		t.Errorf("the core of the load was 90 %% busy, and the report says\n%s", text)
	}
	if text := made(time.Millisecond, time.Millisecond, 1500, 0.8).markdown(); strings.Contains(text, bound) {
		t.Errorf("the core of the load was 80 %% busy, and the report says\n%s", text)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(c.in); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.in, got, c.want)
		}
	}
}
