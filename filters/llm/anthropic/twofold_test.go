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
	passed, err := codectest.Masked(Codec{}, "secret", `data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":"a secret","data":"b"}}`+"\n\n")
	if err == nil || strings.Contains(passed, "secret") {
		t.Errorf("%v: %s passed", err, passed)
	}
}
