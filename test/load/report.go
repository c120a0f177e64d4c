package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bartizan/test/load/sample"
)

// report is what a run has found.
type report struct {
	plan    plan
	machine machine
	command string
	began   time.Time
	took    time.Duration
	cores   cores
	samples map[cell][]observation
}

// limit is the share of its core from which on the load is taken to have been the limit, and not what was measured.
const limit = 0.85

// quietMachine is the share of the measured core that other processes and the kernel's own work may take.
const quietMachine = 0.15

// others is the median share of the measured core that went to none of the measured processes.
func (r *report) others() float64 {
	var all []float64
	for _, seen := range r.samples {
		for _, o := range seen {
			all = append(all, o.others)
		}
	}
	return median(all)
}

// line is one line of a table.
type line struct {
	name   string
	phase  phase
	digits int                       // after the decimal point
	value  func(observation) float64 // 0 where there is nothing
	rate   bool                      // more is better, and the generator's core may have been the limit
	inner  bool                      // of the processor: bare Envoy has none
	only   string                    // of this scenario; empty: of all
	not    string                    // of all but this scenario
}

const events = "events" // name of the scenario with a stream

func lines() []line {
	ms := func(us float64) float64 { return us / 1000 }
	return []line{
		{name: "p50, ms", phase: quiet, digits: 2, not: events, value: func(o observation) float64 { return ms(o.Latency.P50) }},
		{name: "p99, ms", phase: quiet, digits: 2, not: events, value: func(o observation) float64 { return ms(o.Latency.P99) }},
		{name: "time to first event, p50, ms", phase: quiet, digits: 2, only: events, value: func(o observation) float64 { return ms(o.FirstByte.P50) }},
		{name: "time to first event, p99, ms", phase: quiet, digits: 2, only: events, value: func(o observation) float64 { return ms(o.FirstByte.P99) }},
		{name: "age of an event on arrival, p50, ms", phase: quiet, digits: 2, only: events, value: func(o observation) float64 { return ms(o.EventAge.P50) }},
		{name: "age of an event on arrival, p99, ms", phase: quiet, digits: 2, only: events, value: func(o observation) float64 { return ms(o.EventAge.P99) }},
		{name: "gap between events (sent: 5), p99, ms", phase: quiet, digits: 2, only: events, value: func(o observation) float64 { return ms(o.EventGap.P99) }},
		{name: "CPU per event, ms", phase: quiet, digits: 4, only: events, value: func(o observation) float64 { return o.system().Seconds() * 1000 / float64(max(o.Events, 1)) }},
		{name: "CPU per exchange, ms", phase: quiet, digits: 3, only: events, value: func(o observation) float64 { return o.each(o.system()) }},
		{name: "– of it Envoy", phase: quiet, digits: 3, only: events, value: func(o observation) float64 { return o.each(o.envoy) }},
		{name: "– of it the processor", phase: quiet, digits: 3, only: events, inner: true, value: func(o observation) float64 { return o.each(o.processor) }},
		{name: "CPU per exchange, ms", phase: moderate, digits: 3, not: events, value: func(o observation) float64 { return o.each(o.system()) }},
		{name: "– of it Envoy", phase: moderate, digits: 3, not: events, value: func(o observation) float64 { return o.each(o.envoy) }},
		{name: "– of it the processor", phase: moderate, digits: 3, not: events, inner: true, value: func(o observation) float64 { return o.each(o.processor) }},
		{name: "exchanges/s on the one core", phase: saturated, digits: 0, rate: true, value: func(o observation) float64 { return o.Rate }},
		{name: "exchanges per CPU second", phase: saturated, digits: 0, value: observation.perCore},
		{name: "core of the load, busy %", phase: saturated, digits: 0, value: func(o observation) float64 { return 100 * o.restBusy }},
	}
}

func (l line) concerns(scenario string) bool {
	return (l.only == "" || l.only == scenario) && l.not != scenario
}

// median is that of a cell's observations.
func (r *report) median(scenario string, p phase, v variant, value func(observation) float64) float64 {
	var all []float64
	for _, o := range r.samples[cell{scenario, p, v}] {
		all = append(all, value(o))
	}
	return median(all)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	mid := len(s) / 2
	if len(s)%2 == 1 {
		return s[mid]
	}
	return (s[mid-1] + s[mid]) / 2
}

// bounded tells whether the core of the load was the limit, so that a rate is a lower bound.
func (r *report) bounded(scenario string, v variant) bool {
	return r.median(scenario, saturated, v, func(o observation) float64 { return o.restBusy }) > limit
}

func (r *report) markdown() string {
	var b strings.Builder
	b.WriteString("# What Bartizan costs\n\n")
	if r.plan.quick {
		b.WriteString("**A quick run: it shows that everything works. Its figures mean nothing.**\n\n")
	}
	if others := r.others(); others > quietMachine {
		fmt.Fprintf(&b, "**The machine was busy: other processes took %.0f %% of the measured core (median). Run it again on a quiet one.**\n\n", 100*others)
	}
	r.writeMachine(&b)
	for _, s := range r.plan.scenarios {
		r.writeScenario(&b, s)
	}
	r.writeTargets(&b)
	r.writeReading(&b)
	return b.String()
}

func (r *report) writeMachine(b *strings.Builder) {
	m := r.machine
	fmt.Fprintf(b, "%s, `%s`, %d rounds, %s in all.\n\n", r.began.UTC().Format("2006-01-02 15:04 MST"), strings.TrimSpace(r.command), r.plan.rounds, r.took.Round(time.Second))
	fmt.Fprintf(b, "Machine: %s, %d cores, %s. %s, Envoy %s, commit %s.\n\n", m.cpu, m.cores, m.kernel, m.goVersion, m.envoy, m.commit)
	fmt.Fprintf(b, "Bartizan judges with %d rules (%d about tools), none of which matches, scans definitions of tools, and keeps durable records (digests) in NATS JetStream.\n", sample.Rules, sample.ToolRules)
	fmt.Fprintf(b, "CPU %d runs Envoy (one worker) and the processor (GOMAXPROCS=1); CPU %d the load, the upstream and NATS.\n\n", r.cores.measured, r.cores.rest)
}

func (r *report) writeScenario(b *strings.Builder, s scenario) {
	fmt.Fprintf(b, "## %s\n\n%s\n\n", s.title, describe(s))
	b.WriteString("| | bare Envoy | no-op | Bartizan | Bartizan : bare | Bartizan : no-op |\n|---|---:|---:|---:|---:|---:|\n")
	for _, l := range lines() {
		if l.concerns(s.name) {
			r.writeLine(b, s.name, l)
		}
	}
	fmt.Fprintf(b, "\n%s\n\n", r.noise(s))
}

// describe says how a scenario is loaded.
func describe(s scenario) string {
	var parts []string
	for _, l := range s.loads {
		how := fmt.Sprintf("%s: %g/s", l.phase, l.rate)
		if l.rate == 0 {
			how = fmt.Sprintf("%s: %d connections, each as fast as it can", l.phase, l.workers)
		}
		if gap, ok := strings.CutPrefix(l.query, "?gap="); ok {
			how += ", an event every " + gap
		}
		parts = append(parts, how+", "+l.duration.String())
	}
	return fmt.Sprintf("%d bytes in. %s.", len(s.body), strings.Join(parts, "; "))
}

func (r *report) writeLine(b *strings.Builder, scenario string, l line) {
	var value [variants]float64
	fmt.Fprintf(b, "| %s |", l.name)
	for v := range variants {
		value[v] = r.median(scenario, l.phase, v, l.value)
		switch {
		case l.inner && v == bare:
			b.WriteString(" |")
		case l.rate && r.bounded(scenario, v):
			fmt.Fprintf(b, " ≥ %.*f |", l.digits, value[v])
		default:
			fmt.Fprintf(b, " %.*f |", l.digits, value[v])
		}
	}
	fmt.Fprintf(b, " %s | %s |\n", ratio(value[bartizan], value[bare], l.inner), ratio(value[bartizan], value[noop], false))
}

func ratio(a, b float64, blank bool) string {
	if blank || b == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", a/b)
}

// noise says what else went on while a scenario was measured.
func (r *report) noise(s scenario) string {
	var others, stolen, oversleep []float64
	for _, l := range s.loads {
		for v := range variants {
			for _, o := range r.samples[cell{s.name, l.phase, v}] {
				others, stolen = append(others, 100*o.others), append(stolen, 100*o.stolen)
				if l.rate > 0 {
					oversleep = append(oversleep, o.Oversleep.P50/1000)
				}
			}
		}
	}
	return fmt.Sprintf("Noise: other processes and the kernel took %.0f %% of the measured core (worst %.0f %%), the host %.1f %% (worst %.1f %%); the generator woke %.2f ms late (worst %.2f ms), which no latency contains.",
		median(others), slices.Max(others), median(stolen), slices.Max(stolen), median(oversleep), slices.Max(oversleep))
}

func (r *report) writeReading(b *strings.Builder) {
	b.WriteString(`## How to read this

Every figure is the median of the rounds; within a round the three variants take turns. "Bare Envoy" routes and does nothing else. The
no-op stands in the same Envoy configuration as Bartizan, speaks gRPC with the same settings from a process of its own, and lets every
message pass: it is the floor of any processor in Go. Latencies are from an open loop, and count from the time when a request was due.
"Exchanges/s on the one core" is what a closed loop got through; with "≥", the core of the load was more than 85 % busy and the limit.
"Exchanges per CPU second" is what the processes themselves used under that load: it holds where others disturbed the core.
Long conversations are those of an agent that goes on: the last result of each request is new, and what came before is as it was; where
nobody has seen the conversation, every result in it is new each time.
CPU time is that of the processes; NATS, the upstream and the generator are not in it.
`)
}
