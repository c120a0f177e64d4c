package main

import (
	"slices"
	"strings"
	"testing"
)

// TestSummary: what does not count is left out, and what failed keeps its name.
func TestSummary(t *testing.T) {
	r := result{suite: suite{revision: "2026-07-28", scored: 2}, scenarios: summary(`✗ printed-while-running: 0 passed, 1 failed
=== SUMMARY ===
✓ tools-list: 2 passed, 0 failed
✗ sep2575-ping: 1 passed, 8 failed
✗ tasks-lifecycle: 1 passed, 8 failed

Total: 4 passed, 16 failed

Not scored for 2026-07-28: 1 scenario(s) run, 1 failing. These do not affect conformance.
  ✗ tasks-lifecycle (extension)
`)}
	var names []string
	for _, s := range r.scenarios {
		names = append(names, s.name)
	}
	if !slices.Equal(names, []string{"tools-list", "sep2575-ping"}) || r.passed() != 1 || r.perfect() {
		t.Errorf("scenarios %v, %d passed", names, r.passed())
	}
	r.scenarios[1].why = []string{"ping: Refused by Bartizan: no (decision 01a20edd-2ecd)\nat once"}
	if got := r.failures(); !strings.Contains(got, "`sep2575-ping`") || !strings.Contains(got, "Refused by Bartizan: no at once") || strings.Contains(got, "tools-list") {
		t.Errorf("failures %q", got)
	}
}
