package gemini

import (
	"testing"

	"bartizan/filters/llm/internal/codectest"
)

// suite is of generateContent; count of countTokens, whose body holds another request.
var (
	suite = codectest.Suite{Codec: Codec{}, Operation: "generateContent", Path: "/gemini/v1beta/models/gemini-3.8-flash:generateContent"}
	count = codectest.Suite{
		Codec: Codec{}, Dir: "testdata/count", Operation: "countTokens", Path: "/gemini/v1/models/gemini-3.8-flash:countTokens",
	}
)

func TestGenerateContent(t *testing.T) { suite.Run(t) }

func TestCountTokens(t *testing.T) { count.Run(t) }

func FuzzRequest(f *testing.F) { suite.FuzzRequest(f) }

func FuzzAnswer(f *testing.F) { suite.FuzzAnswer(f) }
