package codectest

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bartizan/filters"
	"bartizan/filters/redact"
)

// treatments holds what stands in the place of each block of each sample when it is quarantined. With that in its place, and with
// all its letters masked, a body must still be one that the codec reads.
func (s Suite) treatments(t *testing.T) {
	var out strings.Builder
	all := s.samples(t, "requests")
	for _, file := range slices.Sorted(maps.Keys(all)) {
		body, x := all[file], s.exchange()
		if s.Codec.DecodeRequest(x, body) != nil {
			continue
		}
		fmt.Fprintf(&out, "== %s\n", filepath.Base(file))
		for i, b := range x.Blocks {
			s.treat(t, body, filters.Treatment{Block: i, Action: filters.ActionRedact, Masks: []*regexp.Regexp{regexp.MustCompile("[a-z]+")}})
			with := s.treat(t, body, filters.Treatment{Block: i, Action: filters.ActionQuarantine, Notice: `Removed: "why"`})
			fmt.Fprintf(&out, "%s: %s\n", b.Pointer, with)
		}
	}
	golden(t, s.path("treated.golden"), []byte(out.String()))
}

// treat treats one block and returns what is written, or why nothing is.
func (s Suite) treat(t *testing.T, body []byte, treatment filters.Treatment) string {
	x := s.exchange()
	if err := s.Codec.DecodeRequest(x, body); err != nil {
		t.Fatal(err)
	}
	at := x.Blocks[treatment.Block].Pointer
	if err := s.Codec.Treat(x, body, []filters.Treatment{treatment}); err != nil {
		if filters.AsRefusal(err, "").Kind != filters.RefusedByPolicy {
			t.Errorf("%s: %v", at, err)
		}
		return "refused"
	}
	changed := redact.Apply(body, x.Edits)
	if !json.Valid(changed) {
		t.Errorf("%s: became %s", at, changed)
	}
	if err := s.Codec.DecodeRequest(s.exchange(), changed); err != nil {
		t.Errorf("%s: cannot be read any more: %v", at, err)
	}
	return fmt.Sprintf("%s -> %s", body[x.Edits[0].Start:x.Edits[0].End], x.Edits[0].With)
}
