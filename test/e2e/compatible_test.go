package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"bartizan/extproc/audit/tail"
	"bartizan/test/env"
	"bartizan/test/fake"
)

// TestCompatible: a server that speaks OpenAI's API at another address, in its own way, is judged like OpenAI.
func TestCompatible(t *testing.T) {
	w := start(t, env.FleetOptions{})
	vllm, err := fake.StartVLLM(t.Context(), fake.Options{Key: openAIKey})
	if err != nil {
		t.Fatal(err)
	}
	ollama, err := fake.StartOllama(t.Context(), fake.Options{Open: true})
	if err != nil {
		t.Fatal(err)
	}
	w.live(t, map[string]string{"compatible.yaml": fmt.Sprintf(`apiVersion: bartizan/v1
kind: Provider
metadata: { name: vllm }
spec: { dialect: openai, url: "%s/models/qwen", operations: [chat.completions], credential: { secret: openai-key } }
---
apiVersion: bartizan/v1
kind: Provider
metadata: { name: ollama }
spec: { dialect: openai, url: %q, operations: [chat.completions] }
---
apiVersion: bartizan/v1
kind: Policy
metadata: { name: asked }
spec:
  surface: llm
  rules:
    - { name: words, expression: "block.origin != 'assistant' && block.text.contains('FORBIDDEN')", action: deny, reason: We do not say that. }
    - { name: known, expression: "'kv_transfer_params' in llm.fields", action: deny, reason: Ask without. }
---
`, vllm.URL(), ollama.URL()) + modelAnswerRules})
	for provider, upstream := range map[string]*fake.Vendor{"vllm": vllm, "ollama": ollama} {
		t.Run(provider, func(t *testing.T) {
			w.openAIAnswers(t, provider, "Qwen/Qwen4-8B")
			w.compatible(t, provider, upstream)
		})
	}
}

// compatible asks for what OpenAI does not know.
func (w *world) compatible(t *testing.T, provider string, upstream *fake.Vendor) {
	direct := openai.NewClient(option.WithBaseURL(upstream.URL()+"/v1"), option.WithAPIKey(openAIKey))
	if provider == "ollama" {
		direct = openai.NewClient(option.WithBaseURL(upstream.URL()+"/v1"), option.WithHeaderDel("authorization"))
	}
	wire := &through{}
	client := openai.NewClient(option.WithBaseURL(w.URL+"/"+provider+"/v1"), option.WithAPIKey(bobKey), option.WithMaxRetries(0),
		option.WithHTTPClient(&http.Client{Transport: wire}))
	counted := tail.Usage{Counted: "all", Input: 90, Output: 12}
	for _, c := range []struct {
		name   string
		fields map[string]any
		fate   fate
	}{
		{"guided", map[string]any{"guided_json": map[string]any{"type": "object"}, "structured_outputs": map[string]any{"choice": []string{"a"}}, "top_k": 20}, passes},
		{"a template's words", map[string]any{"chat_template_kwargs": map[string]any{"enable_thinking": true}, "think": true}, passes},
		{"a template", map[string]any{"chat_template": "FORBIDDEN {{ messages }}"}, denied},
		{"documents", map[string]any{"documents": []any{map[string]any{"title": "Plan", "text": "FORBIDDEN"}}}, denied},
		{"a field that a rule knows", map[string]any{"kv_transfer_params": map[string]any{}}, denied},
	} {
		for _, stream := range []bool{true, false} {
			ask := openai.ChatCompletionNewParams{
				Model: "Qwen/Qwen4-8B", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(`Hello. fake:thinking say:"All is well." ` + reads + ` usage:90,12`)},
			}
			ask.SetExtraFields(c.fields)
			before := len(upstream.Requests())
			said, err := completed(t, client, ask, stream)
			reached := upstream.Requests()[before:]
			e := w.decision(t, wire.decision)
			if (err == nil) != (c.fate == passes) || wire.status != c.fate.status || len(reached) == 1 != c.fate.reached {
				t.Errorf("%s%s: status %d, error %v, record %s", c.name, streamed(stream), wire.status, err, e.Raw)
			}
			if c.fate != passes {
				continue
			}
			want, err := completed(t, direct, ask, stream)
			if err != nil || said != want || !strings.Contains(want, "The person") {
				t.Errorf("%s%s: error %v, answered %s\nwant %s", c.name, streamed(stream), err, said, want)
			}
			if !bytes.Equal(reached[0].Body, wire.sent) {
				t.Errorf("%s%s: the upstream saw %q, and %q was sent", c.name, streamed(stream), reached[0].Body, wire.sent)
			}
			if diff := cmp.Diff(counted, e.Own().Usage) + cmp.Diff(tail.Cost{Unknown: "no_price_for_model"}, e.Own().Cost); diff != "" {
				t.Errorf("%s%s: %s", c.name, streamed(stream), diff)
			}
		}
	}
}

// serial is what differs in two answers of a fake to one question.
var serial = regexp.MustCompile(`fake[0-9]+`)

// completed asks once, and returns all that came, as it came but for its number.
func completed(t *testing.T, client openai.Client, ask openai.ChatCompletionNewParams, stream bool) (said string, err error) {
	t.Helper()
	if !stream {
		whole, err := client.Chat.Completions.New(t.Context(), ask)
		if err != nil {
			return "", err
		}
		return serial.ReplaceAllString(whole.RawJSON(), "fake"), nil
	}
	ask.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
	chunks := client.Chat.Completions.NewStreaming(t.Context(), ask)
	for chunks.Next() {
		chunk := chunks.Current()
		said += chunk.RawJSON() + "\n"
	}
	return serial.ReplaceAllString(said, "fake"), chunks.Err()
}
