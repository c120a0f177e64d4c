package anthropic

import (
	"strings"
	"testing"

	"bartizan/filters/llm/internal/codectest"
)

// TestStopFirst: a stop reason that stands before the call which it tells of is changed too.
func TestStopFirst(t *testing.T) {
	passed, err := codectest.Denied(Codec{}, "application/json",
		`{"type":"message","stop_reason":"tool_use","content":[{"type":"tool_use","id":"1","name":"evil","input":{}}]}`)
	if err != nil || strings.Contains(passed, "evil") || !strings.Contains(passed, `"stop_reason":"end_turn"`) {
		t.Errorf("%v: %s passed", err, passed)
	}
}

// TestWithinWhole: what is judged whole may hold what is judged as well; both are masked.
func TestWithinWhole(t *testing.T) {
	passed, err := codectest.Masked(Codec{}, "secret", `data: {"type":"content_block_start","index":0,"content_block":{"type":"of_the_future","citations":[{"cited_text":"a secret"}]}}`+"\n\n",
		`data: {"type":"content_block_stop","index":0}`+"\n\n")
	if err != nil || strings.Contains(passed, "secret") || !strings.Contains(passed, "a [redacted]") {
		t.Errorf("%v: %s passed", err, passed)
	}
}

// TestTwofold: of a block with two texts none is judged as if it were all.
func TestTwofold(t *testing.T) {
	const start, delta = `data: {"type":"content_block_start","index":0,"content_block":`, `data: {"type":"content_block_delta","index":0,"delta":`
	for name, events := range map[string][]string{
		"in its begin": {start + `{"type":"text","text":"a secret","data":"b"}}`},
		"in a piece":   {start + `{"type":"text","text":""}}`, delta + `{"text":"a sec","thinking":"b"}}`, delta + `{"text":"ret"}}`},
	} {
		for i := range events {
			events[i] += "\n\n"
		}
		if passed, err := codectest.Masked(Codec{}, "secret", events...); err == nil || strings.Contains(passed, "sec") {
			t.Errorf("%s: %v: %s passed", name, err, passed)
		}
	}
}
