package fake_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"bartizan/test/fake"
	"bartizan/test/fake/faketest"
)

func openAIClient(v *fake.Vendor, key string) openai.Client {
	return openai.NewClient(option.WithBaseURL(v.URL()+"/v1/"), option.WithAPIKey(key), option.WithMaxRetries(0))
}

func openAIAsk(text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:    "gpt-fake",
		Messages: []openai.ChatCompletionMessageParamUnion{openai.SystemMessage("Be brief."), openai.UserMessage(text)},
		Tools:    []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{Name: "query_sales"})},
		StreamOptions: openai.ChatCompletionStreamOptionsParam{
			IncludeUsage: openai.Bool(true),
		},
	}
}

func openAITold(c openai.ChatCompletion) told {
	choice := c.Choices[0]
	out := told{
		Text: choice.Message.Content, Stop: choice.FinishReason,
		In: c.Usage.PromptTokens, Out: c.Usage.CompletionTokens, Cached: c.Usage.PromptTokensDetails.CachedTokens,
	}
	for _, call := range choice.Message.ToolCalls {
		out.Tools = append(out.Tools, call.Function.Name+call.Function.Arguments)
	}
	return out
}

var openAIAnswers = []struct {
	name, ask string
	want      told
}{
	{"echo", "Hello. fake: usage:10,3,4", told{Text: "You say: Hello. fake: usage:10,3,4", Stop: "stop", In: 10, Out: 3, Cached: 4}},
	{
		"tools", `fake: say:"I look." tool:query_sales{"region": "EU \"{ü}\""} tool usage:10,3`,
		told{Text: "I look.", Tools: []string{`query_sales{"region": "EU \"{ü}\""}`, "query_sales{}"}, Stop: "tool_calls", In: 10, Out: 3},
	},
	{"gzip", `fake: gzip say:"small" stop:length usage:1,2`, told{Text: "small", Stop: "length", In: 1, Out: 2}},
}

func TestOpenAIWhole(t *testing.T) {
	v := faketest.OpenAI(t, fake.Options{Key: key})
	client := openAIClient(v, key)
	for _, c := range openAIAnswers {
		t.Run(c.name, func(t *testing.T) {
			p := openAIAsk(c.ask)
			p.StreamOptions = openai.ChatCompletionStreamOptionsParam{}
			m, err := client.Chat.Completions.New(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, openAITold(*m)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestOpenAIStreamed(t *testing.T) {
	v := faketest.OpenAI(t, fake.Options{Key: key})
	client := openAIClient(v, key)
	for _, c := range openAIAnswers {
		t.Run(c.name, func(t *testing.T) {
			stream := client.Chat.Completions.NewStreaming(t.Context(), openAIAsk(c.ask))
			var acc openai.ChatCompletionAccumulator
			for stream.Next() {
				if !acc.AddChunk(stream.Current()) {
					t.Fatal("a chunk that does not fit the ones before")
				}
			}
			if err := stream.Err(); err != nil {
				t.Fatal(err)
			}
			got := openAITold(acc.ChatCompletion)
			got.Cached = c.want.Cached // the SDK's accumulator does not add it up
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// Without include_usage there is no usage in the stream.
func TestOpenAIUsageOnlyWhenAsked(t *testing.T) {
	v := faketest.OpenAI(t, fake.Options{Key: key})
	for _, c := range []struct{ options, want string }{{`,"stream_options":{"include_usage":true}`, `"usage":{`}, {"", ""}} {
		body := do(t, v.URL()+"/v1/chat/completions", `{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]`+c.options+`}`).body
		if !strings.HasSuffix(body, "data: [DONE]\n\n") {
			t.Errorf("no [DONE] at the end of %q", body)
		}
		if has := strings.Contains(body, `"usage":{`); has != (c.want != "") {
			t.Errorf("options %q: usage in the stream is %t", c.options, has)
		}
	}
}

func TestOpenAIErrors(t *testing.T) {
	v := faketest.OpenAI(t, fake.Options{Key: key})
	for _, c := range []struct {
		name, ask, key string
		wantStatus     int
		wantCode       string
	}{
		{"rate limit", "fake: status:429", key, 429, "rate_limit_exceeded"},
		{"wrong key", "hi", "sk-other", 401, "invalid_api_key"},
		{"mistake", "fake: say:x", key, 400, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := openAIClient(v, c.key)
			_, err := client.Chat.Completions.New(t.Context(), openAIAsk(c.ask))
			var e *openai.Error
			if !errors.As(err, &e) || e.StatusCode != c.wantStatus || e.Code != c.wantCode {
				t.Errorf("got %v, want status %d and code %q", err, c.wantStatus, c.wantCode)
			}
		})
	}
}

func TestOpenAIErrorInStream(t *testing.T) {
	v := faketest.OpenAI(t, fake.Options{Key: key})
	client := openAIClient(v, key)
	s := client.Chat.Completions.NewStreaming(t.Context(), openAIAsk("fake: error-event:server_error"))
	n := 0
	for s.Next() {
		n++
	}
	if s.Err() == nil || !strings.Contains(s.Err().Error(), "the script says so") || n == 0 {
		t.Errorf("got %d chunks and error %v", n, s.Err())
	}
}
