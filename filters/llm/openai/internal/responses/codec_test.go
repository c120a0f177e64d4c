package responses

import (
	"testing"

	"bartizan/filters/llm/internal/codectest"
)

func TestCodec(t *testing.T) { codectest.Run(t, Codec{}) }

func FuzzRequest(f *testing.F) { codectest.FuzzRequest(f, Codec{}) }

func FuzzAnswer(f *testing.F) { codectest.FuzzAnswer(f, Codec{}) }
