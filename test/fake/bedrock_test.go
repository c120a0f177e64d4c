package fake_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"

	"bartizan/test/fake"
	"bartizan/test/fake/faketest"
)

// said is what a client made of an answer.
type said struct {
	text, thinking, tool, input, stop string
	in, out                           int32
}

func conversed(t *testing.T, client *bedrockruntime.Client, model, text string) (s said, err error) {
	t.Helper()
	out, err := client.ConverseStream(t.Context(), &bedrockruntime.ConverseStreamInput{ModelId: &model, Messages: []types.Message{
		{Role: types.ConversationRoleUser, Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: text}}},
	}})
	if err != nil {
		return s, err
	}
	stream := out.GetStream()
	defer stream.Close()
	for e := range stream.Events() {
		switch e := e.(type) {
		case *types.ConverseStreamOutputMemberContentBlockStart:
			s.tool = *e.Value.Start.(*types.ContentBlockStartMemberToolUse).Value.Name
		case *types.ConverseStreamOutputMemberContentBlockDelta:
			switch d := e.Value.Delta.(type) {
			case *types.ContentBlockDeltaMemberText:
				s.text += d.Value
			case *types.ContentBlockDeltaMemberToolUse:
				s.input += *d.Value.Input
			case *types.ContentBlockDeltaMemberReasoningContent:
				if text, ok := d.Value.(*types.ReasoningContentBlockDeltaMemberText); ok {
					s.thinking += text.Value
				}
			}
		case *types.ConverseStreamOutputMemberMessageStop:
			s.stop = string(e.Value.StopReason)
		case *types.ConverseStreamOutputMemberMetadata:
			s.in, s.out = *e.Value.Usage.InputTokens, *e.Value.Usage.OutputTokens
		}
	}
	return s, stream.Err()
}

// TestBedrock: AWS's own client reads every kind of answer.
func TestBedrock(t *testing.T) {
	v := faketest.Bedrock(t, fake.Options{Key: "k"})
	ctx, client := t.Context(), faketest.BedrockClient(v.URL(), "k", http.DefaultClient)
	const profile = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-5-v1:0"
	got, err := conversed(t, client, profile, `fake: say:"one two" thinking tool:read{"path":"/a"} usage:21,5`)
	want := said{"one two", "The person wants an answer. I shall give one.", "read", `{"path":"/a"}`, "tool_use", 21, 5}
	if err != nil || got != want {
		t.Errorf("got %+v, error %v", got, err)
	}
	whole, err := client.Converse(ctx, &bedrockruntime.ConverseInput{ModelId: aws.String(profile), Messages: []types.Message{
		{Role: types.ConversationRoleUser, Content: []types.ContentBlock{&types.ContentBlockMemberToolResult{Value: types.ToolResultBlock{
			ToolUseId: aws.String("t1"), Content: []types.ToolResultContentBlock{&types.ToolResultContentBlockMemberText{Value: "forty"}},
		}}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if text := whole.Output.(*types.ConverseOutputMemberMessage).Value.Content[0].(*types.ContentBlockMemberText).Value; text != "The tool says: forty" {
		t.Errorf("text %q", text)
	}
	invoke := []byte(`{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"fake:say:\"hi\""}]}`)
	message, err := client.InvokeModel(ctx, &bedrockruntime.InvokeModelInput{ModelId: aws.String("us.anthropic.claude-sonnet-5-v1:0"), Body: invoke})
	if err != nil || !strings.Contains(string(message.Body), `"text":"hi"`) {
		t.Errorf("invoke: %v %v", message, err)
	}
	stream, err := client.InvokeModelWithResponseStream(ctx, &bedrockruntime.InvokeModelWithResponseStreamInput{ModelId: aws.String("m"), Body: invoke})
	if err != nil {
		t.Fatal(err)
	}
	var events []string
	for e := range stream.GetStream().Events() {
		var event struct{ Type string }
		if err := json.Unmarshal(e.(*types.ResponseStreamMemberChunk).Value.Bytes, &event); err != nil {
			t.Error(err)
		}
		events = append(events, event.Type)
	}
	if events[0] != "message_start" || events[len(events)-1] != "message_stop" || stream.GetStream().Err() != nil {
		t.Errorf("events %q, error %v", events, stream.GetStream().Err())
	}
	count, err := client.CountTokens(ctx, &bedrockruntime.CountTokensInput{ModelId: aws.String("m"), Input: &types.CountTokensInputMemberInvokeModel{
		Value: types.InvokeModelTokensRequest{Body: invoke},
	}})
	if err != nil || *count.InputTokens == 0 {
		t.Errorf("count: %v %v", count, err)
	}
}

// TestBedrockErrors: AWS's own client knows each error by its type.
func TestBedrockErrors(t *testing.T) {
	v := faketest.Bedrock(t, fake.Options{Key: "k"})
	for _, c := range []struct{ key, script, code string }{
		{"k", "status:400", "ValidationException"},
		{"k", "status:424", "ModelErrorException"},
		{"k", "error-event", "ServiceUnavailableException"},
		{"k", "error-event:throttlingException", "ThrottlingException"},
		{"wrong", "", "UnrecognizedClientException"},
	} {
		_, err := conversed(t, faketest.BedrockClient(v.URL(), c.key, http.DefaultClient), "m", "fake: "+c.script)
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != c.code {
			t.Errorf("%s: %v", c.script, err)
		}
	}
	for _, script := range []string{"malformed:2 stream:5", "unknown:2 stream:5"} {
		got, err := conversed(t, faketest.BedrockClient(v.URL(), "k", http.DefaultClient), "m", "fake: "+script)
		if (err == nil) != strings.HasPrefix(script, "unknown") {
			t.Errorf("%s: %+v, error %v", script, got, err)
		}
	}
}
