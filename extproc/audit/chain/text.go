package chain

import (
	"fmt"
	"io"
)

// WriteText writes the report for a person: a line a producer, then what is broken.
func (r *Report) WriteText(w io.Writer) error {
	for _, p := range r.Producers {
		if _, err := fmt.Fprintf(w, "producer %s: records %d to %d, %d in the stream, head %.16s\n", p.ID, p.First, p.Last, p.Records, p.Head); err != nil {
			return err
		}
		if p.First > 1 {
			if _, err := fmt.Fprintf(w, "  records 1 to %d are not in the stream any more (retention)\n", p.First-1); err != nil {
				return err
			}
		}
	}
	for _, b := range r.Breaks {
		if _, err := fmt.Fprintf(w, "BROKEN %s\n", b); err != nil {
			return err
		}
	}
	if r.Deleted > 0 {
		if _, err := fmt.Fprintf(w, "BROKEN %d message(s) were deleted out of the stream\n", r.Deleted); err != nil {
			return err
		}
	}
	verdict := "nothing is missing and nothing was changed"
	if !r.OK() {
		verdict = "the records cannot be trusted as a whole"
	}
	_, err := fmt.Fprintf(w, "%d record(s): %s\n", r.Records, verdict)
	return err
}
