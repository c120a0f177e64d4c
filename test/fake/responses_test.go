package fake_test

import (
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	oai "github.com/openai/openai-go/v3/responses"

	"bartizan/test/fake"
)

// TestResponses: the SDK reads a streamed answer with a text and a call, and then the answer to the call's result.
func TestResponses(t *testing.T) {
	v, err := fake.StartResponses(t.Context(), fake.Options{Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	client := openai.NewClient(option.WithBaseURL(v.URL()+"/v1"), option.WithAPIKey("k"), option.WithMaxRetries(0))
	stream := client.Responses.NewStreaming(t.Context(), oai.ResponseNewParams{
		Model: "gpt-5.5",
		Input: oai.ResponseNewParamsInputUnion{OfString: openai.String(`fake:say:"one two" tool:read{"path":"/a"} usage:9,4`)},
	})
	text := ""
	var done oai.Response
	for stream.Next() {
		switch e := stream.Current(); e.Type {
		case "response.output_text.delta":
			text += e.Delta
		case "response.completed":
			done = e.Response
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if text != "one two" || len(done.Output) != 2 || done.Usage.InputTokens != 9 || done.Usage.OutputTokens != 4 {
		t.Fatalf("text %q, %s", text, done.RawJSON())
	}
	call := done.Output[1].AsFunctionCall()
	if call.Name != "read" || call.Arguments != `{"path":"/a"}` {
		t.Errorf("call %s", call.RawJSON())
	}
	next, err := client.Responses.New(t.Context(), oai.ResponseNewParams{
		Model: "gpt-5.5",
		Input: oai.ResponseNewParamsInputUnion{OfInputItemList: oai.ResponseInputParam{oai.ResponseInputItemParamOfFunctionCallOutput("contents")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if next.OutputText() != "The tool says: contents" {
		t.Errorf("%s", next.RawJSON())
	}
}
