package gemini

import (
	"strings"
	"testing"

	"bartizan/filters/llm/internal/codectest"
)

// TestMany: lists that no model writes are refused before they take memory.
func TestMany(t *testing.T) {
	many := strings.Repeat(`,""`, 1<<16)
	for name, body := range map[string]string{
		"parts":      say(`""`+many, ""),
		"candidates": `{"candidates":[{"finishReason":"a"}` + strings.Repeat(`,{"finishReason":"a"}`, 1<<16) + `]}`,
	} {
		if _, err := codectest.Denied(Codec{}, "application/json", body); err == nil || !strings.Contains(err.Error(), "want fewer") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
