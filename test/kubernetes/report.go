package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// report is what a run has measured.
type report struct {
	rows []row
	used []usage
}

type row struct {
	title string
	all   []sent
}

func (r *report) add(title string, all []sent) { r.rows = append(r.rows, row{title, all}) }

// write writes the report as Markdown.
func (r *report) write(file string) error {
	var b strings.Builder
	fmt.Fprintf(&b, `# What a cluster costs, and what disruptions cost

Measured by `+"`make test-kubernetes`"+` on %s: one Kubernetes node on this machine, which also runs the clients and the upstreams.
The load is %d clients, of which half keep their connection: answers, refusals, streams of a second. Written by the run.

## Clients, while something happens to the gateway

| what happens | requests | errors | median | slowest |
|---|---:|---|---:|---:|
`, time.Now().Format(time.DateOnly), clients)
	for _, row := range r.rows {
		errors := "none"
		var counted []string
		for what, n := range errorsOf(row.all) {
			counted = append(counted, fmt.Sprintf("%d × %s", n, what))
		}
		if slices.Sort(counted); len(counted) > 0 {
			errors = strings.Join(counted, ", ")
		}
		median, slowest := times(row.all)
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s |\n", row.title, len(row.all), errors, median, slowest)
	}
	b.WriteString("\nNo refused request reached an upstream; every answered request has its record; `bartizan verify` finds nothing missing or changed.\n" +
		"\n## Containers, under the same load without a disruption\n\nA floor, not a size to plan with: `test/load/RESULTS.md` has the larger loads. " +
		"All clients have one address, and the Service leads an address to one gateway pod.\n\n| pod | container | memory (largest working set) | CPU (mean) |\n|---|---|---:|---:|\n")
	for _, u := range r.used {
		fmt.Fprintf(&b, "| %s | %s | %d MiB | %d m |\n", u.Pod, u.Container, u.Memory>>20, int(u.Cores*1000))
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

// times of whole answers that were not streamed on purpose slowly.
func times(all []sent) (median, slowest time.Duration) {
	var took []time.Duration
	for _, s := range all {
		if s.ok() && !s.kind.stream {
			took = append(took, s.took.Round(time.Millisecond))
		}
	}
	if len(took) == 0 {
		return 0, 0
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)-1]
}
