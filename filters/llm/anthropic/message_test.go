package anthropic

import (
	"testing"

	"bartizan/filters/llm/internal/codectest"
)

// TestSpoken: a refusal as a message of the model, as the API writes one. That its clients read it is tested end to end.
func TestSpoken(t *testing.T) { codectest.Spoken(t, Codec{}, "messages") }
