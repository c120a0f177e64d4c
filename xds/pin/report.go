package pin

import (
	"bufio"
	"fmt"
	"io"
	"slices"
)

// Report is what a run has found and done.
type Report struct {
	Server   string    `json:"server"`
	File     string    `json:"file"`
	Written  bool      `json:"written"`
	Refused  bool      `json:"refused"` // something was found, and was not accepted
	Changes  []Change  `json:"changes"`
	Findings []Finding `json:"findings"`
}

// Grave tells whether something was found that must not reach a model.
func (r *Report) Grave() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Grave })
}

// WriteText shows the report to a person.
func (r *Report) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w) // keeps the first error for Flush
	for _, c := range r.Changes {
		fmt.Fprintf(b, "%s %s %q\n", c.What, c.Kind, c.Name)
		for _, line := range c.Diff {
			fmt.Fprintf(b, "    %s\n", line)
		}
	}
	for _, f := range r.Findings {
		grave := ""
		if f.Grave {
			grave = ", which must not reach a model"
		}
		fmt.Fprintf(b, "found in %s %q: %s%s\n", f.Kind, f.Name, f.Found, grave)
	}
	switch {
	case len(r.Changes) == 0:
		fmt.Fprintf(b, "%s: what it offers is what %s has\n", r.Server, r.File)
	case r.Written:
		fmt.Fprintf(b, "%s: %d changes written to %s; in force once committed\n", r.Server, len(r.Changes), r.File)
	default:
		fmt.Fprintf(b, "%s: %d changes, nothing written\n", r.Server, len(r.Changes))
	}
	return b.Flush()
}
