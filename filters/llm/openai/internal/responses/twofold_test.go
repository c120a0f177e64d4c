package responses

import (
	"strings"
	"testing"

	"bartizan/filters/llm/internal/codectest"
)

// stream is a stream of events by their type and their other members.
func stream(events ...string) (out []string) {
	for _, e := range events {
		out = append(out, `data: {"type":"response.`+e+"}\n\n")
	}
	return out
}

// TestTwofold: a call is not judged as one thing and read as another.
func TestTwofold(t *testing.T) {
	call := func(name, arguments string) string {
		return `,"output_index":0,"item":{"type":"function_call","id":"f","call_id":"c","name":"` + name + `","arguments":"` + arguments + `"}`
	}
	done := `output_item.done"` + call("evil", "{}")
	for name, events := range map[string][]string{
		"another name in the end": {`output_item.added"` + call("good", ""), `function_call_arguments.done","output_index":0,"arguments":"{}"`, done},
		"no name at first":        {`output_item.added"` + call("", ""), `function_call_arguments.delta","output_index":0,"delta":"{}"`, done},
		"arguments and an input": {
			`output_item.added"` + call("good", ""), `function_call_arguments.delta","output_index":0,"delta":"evil","input":"{}"`, `output_item.done"` + call("good", "{}"),
		},
		"another name in the response": {
			`output_item.done"` + call("good", "{}"),
			`completed","response":{"output":[{"type":"function_call","id":"f","call_id":"c","name":"evil","arguments":"{}"}]}`,
		},
	} {
		if passed, err := codectest.Denied(Codec{}, "text/event-stream", stream(events...)...); err == nil || strings.Contains(passed, "evil") {
			t.Errorf("%s: %v, %s passed", name, err, passed)
		}
	}
}

// TestWithinWhole: what is judged whole may hold a text that is judged as well; both are masked.
func TestWithinWhole(t *testing.T) {
	item := `{"type":"of_the_future","content":[{"type":"output_text","text":"a secret"}],"output":"a secret"}`
	passed, err := codectest.Masked(Codec{}, "secret", stream(`output_item.done","output_index":0,"item":`+item)...)
	if err != nil || strings.Contains(passed, "secret") || !strings.Contains(passed, "a [redacted]") {
		t.Errorf("%v: %s passed", err, passed)
	}
}

// TestMany: lists that no model writes are refused before they take memory.
func TestMany(t *testing.T) {
	list := `[0` + strings.Repeat(`,0`, 1<<16) + `]`
	for name, body := range map[string]string{
		"items":       `{"output":` + list + `}`,
		"parts":       `{"output":[{"type":"message","content":` + list + `}]}`,
		"annotations": `{"output":[{"type":"message","content":[{"type":"output_text","text":"","annotations":` + list + `}]}]}`,
	} {
		if _, err := codectest.Denied(Codec{}, "application/json", body); err == nil || !strings.Contains(err.Error(), "want fewer") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
