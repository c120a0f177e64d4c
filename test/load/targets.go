package main

import (
	"fmt"
	"slices"
	"strings"
)

// target is something that we want to reach, in the scenario "small".
type target struct {
	name  string
	want  float64
	least bool // want is the least, not the most
	value func(*report, variant) float64
}

const targeted = "small"

func targets() []target {
	cpu := func(o observation) float64 { return o.each(o.system()) }
	p50 := func(o observation) float64 { return o.Latency.P50 / 1000 }
	return []target{
		{"CPU per exchange, in times the no-op's", 1.3, false, func(r *report, v variant) float64 {
			return r.median(targeted, moderate, v, cpu) / r.median(targeted, moderate, noop, cpu)
		}},
		{"p50 added to bare Envoy's at a low rate, ms", 0.6, false, func(r *report, v variant) float64 {
			return r.median(targeted, quiet, v, p50) - r.median(targeted, quiet, bare, p50)
		}},
		{"exchanges/s on one core, rules and audit on", 1400, true, func(r *report, v variant) float64 {
			return r.median(targeted, saturated, v, func(o observation) float64 { return o.Rate })
		}},
	}
}

// writeTargets says which targets were met, if their scenario was measured.
func (r *report) writeTargets(b *strings.Builder) {
	if !slices.ContainsFunc(r.plan.scenarios, func(s scenario) bool { return s.name == targeted }) {
		return
	}
	b.WriteString("## Targets (1 KB in, 10 KB JSON out)\n\n| | wanted | Bartizan | | the no-op |\n|---|---:|---:|---|---:|\n")
	for _, t := range targets() {
		got, sign, met := t.value(r, bartizan), "≤", false
		if met = got <= t.want; t.least {
			sign, met = "≥", got >= t.want
		}
		verdict := "met"
		if !met {
			verdict = "**missed**"
		}
		fmt.Fprintf(b, "| %s | %s %g | %.4g | %s | %.4g |\n", t.name, sign, t.want, got, verdict, t.value(r, noop))
	}
	b.WriteString("\n")
}
