package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"bartizan/test/load/gen"
	"bartizan/test/load/sample"
	"bartizan/test/session"
)

// variant is what the load is sent to.
type variant int

const (
	bare     variant = iota // Envoy alone: routes, no filter of ours
	noop                    // Envoy as Bartizan sets it, with a processor that lets everything pass
	bartizan                // all of it: twenty rules, records in NATS
	variants
)

func (v variant) String() string {
	return [...]string{"bare Envoy", "no-op ext_proc", "Bartizan"}[v]
}

// phase is one way to load a variant.
type phase int

const (
	quiet     phase = iota // open loop at a low rate: latencies
	moderate               // open loop at a rate that leaves every variant room: CPU time per exchange
	saturated              // closed loop: as many exchanges as the measured core can do
)

func (p phase) String() string { return [...]string{"quiet", "moderate", "saturated"}[p] }

// load is how much is sent in one phase.
type load struct {
	phase    phase
	workers  int
	rate     float64 // exchanges a second; 0: closed loop
	duration time.Duration
	query    string // for the upstream
}

// scenario is one kind of exchange.
type scenario struct {
	name  string // short, for progress
	title string
	path  string
	body  []byte
	loads []load
}

// plan is a whole run.
type plan struct {
	scenarios []scenario
	rounds    int
	quick     bool
}

func fullPlan() plan {
	return plan{rounds: 3, scenarios: []scenario{
		{"small", "1 KB in, 10 KB JSON out", sample.Path, sample.Small(false), []load{
			{phase: quiet, workers: 16, rate: 100, duration: 4 * time.Second},
			{phase: moderate, workers: 32, rate: 300, duration: 3 * time.Second},
			{phase: saturated, workers: 32, duration: 3 * time.Second},
		}},
		{"conversation", "A conversation of 500 KB in, 10 KB JSON out", sample.Path, goingOn(sample.Conversation()), []load{
			{phase: quiet, workers: 16, rate: 15, duration: 4 * time.Second},
			{phase: moderate, workers: 16, rate: 40, duration: 3 * time.Second},
			{phase: saturated, workers: 8, duration: 3 * time.Second},
		}},
		{"unseen", "A conversation of 500 KB that nobody has seen", sample.Path, bytes.ReplaceAll(sample.Conversation(), []byte(word), []byte(gen.Fresh)), []load{
			{phase: quiet, workers: 16, rate: 15, duration: 4 * time.Second},
			{phase: moderate, workers: 16, rate: 20, duration: 3 * time.Second},
			{phase: saturated, workers: 8, duration: 3 * time.Second},
		}},
		{"session", "Turn 40 of a session, 1 MB in, 10 KB JSON out", sample.Path, goingOn(session.Session{Client: session.ClaudeCode, Turns: 40, Bytes: 1 << 20}.Request(40)), []load{
			{phase: quiet, workers: 8, rate: 8, duration: 4 * time.Second},
			{phase: moderate, workers: 8, rate: 20, duration: 3 * time.Second},
			{phase: saturated, workers: 4, duration: 3 * time.Second},
		}},
		{"events", "1 KB in, a stream of 200 server-sent events out", sample.Path, sample.Small(true), []load{
			// An event every 5 ms, as a fast model writes. The same run gives latencies and CPU time.
			{phase: quiet, workers: 64, rate: 10, duration: 4 * time.Second, query: "?gap=5ms"},
			{phase: saturated, workers: 64, duration: 4 * time.Second, query: "?gap=1ms"},
		}},
		{"call", "A tools/call, 1 KB of result", sample.ToolsPath, sample.ToolCall(), []load{
			{phase: quiet, workers: 16, rate: 100, duration: 4 * time.Second},
			{phase: moderate, workers: 32, rate: 300, duration: 3 * time.Second},
			{phase: saturated, workers: 32, duration: 3 * time.Second},
		}},
		{"list", "A tools/list of 1,000 tools, of which 500 are shown", sample.ToolsPath, sample.ToolList(), []load{
			{phase: quiet, workers: 8, rate: 5, duration: 4 * time.Second},
			{phase: moderate, workers: 8, rate: 10, duration: 3 * time.Second},
			{phase: saturated, workers: 4, duration: 3 * time.Second},
		}},
	}}
}

// word stands in the text of every result.
const word = "returns"

// goingOn is the request of an agent that goes on: of each request the last result is new, as it is of each turn, and all that came before is
// as it was.
func goingOn(body []byte) []byte {
	at := bytes.LastIndex(body, []byte(word))
	return append(append(bytes.Clone(body[:at]), gen.Fresh...), body[at+len(word):]...)
}

// quickPlan is the full plan, once and short: it shows that the plumbing holds.
func quickPlan() plan {
	p := fullPlan()
	p.rounds, p.quick = 1, true
	for _, s := range p.scenarios {
		for i := range s.loads {
			s.loads[i].duration = 700 * time.Millisecond
		}
	}
	return p
}

// keep leaves the scenarios that names lists; empty: all.
func (p *plan) keep(names string) error {
	if names == "" {
		return nil
	}
	var kept []scenario
	for _, name := range strings.Split(names, ",") {
		i := slices.IndexFunc(p.scenarios, func(s scenario) bool { return s.name == name })
		if i < 0 {
			return fmt.Errorf("there is no scenario %q", name)
		}
		kept = append(kept, p.scenarios[i])
	}
	p.scenarios = kept
	return nil
}

// duration is how long the loads take, all else left out.
func (p plan) duration() time.Duration {
	var one time.Duration
	for _, s := range p.scenarios {
		for _, l := range s.loads {
			one += l.duration
		}
	}
	return time.Duration(p.rounds) * time.Duration(variants) * one
}
