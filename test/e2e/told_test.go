package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"
	"google.golang.org/genai"

	"bartizan/test/fake"
	"bartizan/test/fake/faketest"
)

// toldRules deny a text, which is held until it is whole, and an answer that has flowed to its end.
const toldRules = `apiVersion: bartizan/v1
kind: Policy
metadata: { name: told }
spec:
  surface: llm
  rules:
    - name: project
      expression: "'x-strict' in request.headers && block.origin == 'assistant' && block.text.contains('Project Z')"
      action: deny
      as: message
      reason: Nobody speaks of that.
    - name: unfinished
      expression: "response.stop_reason in ['max_tokens', 'length', 'MAX_TOKENS', 'completed']"
      action: deny
      as: message
      reason: That was too long.
`

// heardAnswer is what an SDK has of an answer.
type heardAnswer struct {
	text, stop string
}

// TestToldInTheStream: where a rule says as: message, an answer that is denied while it streams ends as an answer of the model does, for each
// vendor's SDK, in one try.
func TestToldInTheStream(t *testing.T) {
	w, vendor := googled(t, "")
	responses, err := fake.StartResponses(t.Context(), fake.Options{Key: openAIKey})
	if err != nil {
		t.Fatal(err)
	}
	bedrock := faketest.Bedrock(t, fake.Options{Key: openAIKey})
	policies := toldRules
	for _, p := range []struct{ name, dialect, url, operations string }{
		{"gpt", "openai", responses.URL(), "responses"},
		{"bedrock", "bedrock", bedrock.URL(), "converse-stream"},
		{"gemini", "gemini", vendor.URL(), "streamGenerateContent"},
	} {
		policies += fmt.Sprintf(`---
apiVersion: bartizan/v1
kind: Provider
metadata: { name: %s }
spec: { dialect: %s, url: %s, operations: [%s], credential: { secret: openai-key } }
`, p.name, p.dialect, p.url, p.operations)
	}
	w.live(t, map[string]string{"gemini.yaml": policies})
	for name, c := range map[string]struct {
		hear           func(t *testing.T, seen *witness, script string) heardAnswer
		limit, stopped string // what makes the answer too long, and the stop reason of one that has ended
	}{
		"anthropic": {w.hearAnthropic, "stop:max_tokens", "end_turn"}, "openai": {w.hearOpenAI, "stop:length", "stop"},
		"responses": {w.hearResponses, "", "completed"}, "gemini": {w.hearGemini, "stop:MAX_TOKENS", "STOP"},
		"bedrock": {w.hearBedrock, "stop:max_tokens", "end_turn"},
	} {
		t.Run(name+" held", func(t *testing.T) {
			seen := &witness{strict: true}
			a := c.hear(t, seen, `say:"About Project Z."`)
			if strings.Contains(a.text, "About") || !strings.HasPrefix(a.text, "Refused by Bartizan: Nobody speaks of that. (rule told/project, decision ") || a.stop != c.stopped || seen.tries != 1 {
				t.Errorf("%q, stopped by %s, %d tries", a.text, a.stop, seen.tries)
			}
			w.deniedByRule(t, seen.decision, "project")
		})
		t.Run(name+" flowing", func(t *testing.T) {
			seen := &witness{}
			a := c.hear(t, seen, `say:"About Project Z." `+c.limit)
			said, told, _ := strings.Cut(a.text, "Refused by Bartizan: ")
			if said = strings.TrimSpace(said); said == "" || !strings.HasPrefix("About Project Z.", said) || !strings.HasPrefix(told, "That was too long. (rule told/unfinished, decision ") || a.stop != c.stopped || seen.tries != 1 {
				t.Errorf("%q, stopped by %s, %d tries", a.text, a.stop, seen.tries)
			}
			w.deniedByRule(t, seen.decision, "unfinished")
		})
	}
}

func (w *world) deniedByRule(t *testing.T, decision, rule string) {
	t.Helper()
	e := factOf(t, w.decision(t, decision))
	if verdicts := e.Unmapped.Bartizan.Answer.Verdicts; e.Own().Outcome != "deny" || len(verdicts) != 1 || verdicts[0].Rule != rule {
		t.Errorf("record %s", e.Raw)
	}
}

func (w *world) hearAnthropic(t *testing.T, seen *witness, script string) (a heardAnswer) {
	client := w.anthropicClient(aliceKey, anthropicoption.WithHTTPClient(&http.Client{Transport: seen}))
	events, message := client.Messages.NewStreaming(t.Context(), ask("claude-sonnet-5", "Hello. fake:thinking "+script)), anthropic.Message{}
	for events.Next() {
		if err := message.Accumulate(events.Current()); err != nil {
			t.Fatal(err)
		}
	}
	if events.Err() != nil {
		t.Fatal(events.Err())
	}
	for _, b := range message.Content {
		a.text += b.Text
	}
	a.stop = string(message.StopReason)
	return a
}

func (w *world) hearOpenAI(t *testing.T, seen *witness, script string) heardAnswer {
	client := openai.NewClient(openaioption.WithBaseURL(w.URL+"/openai/v1"), openaioption.WithAPIKey(bobKey), openaioption.WithHTTPClient(&http.Client{Transport: seen}))
	chunks, sum := client.Chat.Completions.NewStreaming(t.Context(), openai.ChatCompletionNewParams{
		Model: "gpt-5.5", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Hello. fake:" + script)},
	}), openai.ChatCompletionAccumulator{}
	for chunks.Next() {
		if !sum.AddChunk(chunks.Current()) {
			t.Fatalf("the SDK cannot add %s", chunks.Current().RawJSON())
		}
	}
	if chunks.Err() != nil || len(sum.Choices) != 1 {
		t.Fatalf("%v, %+v", chunks.Err(), sum.Choices)
	}
	return heardAnswer{text: sum.Choices[0].Message.Content, stop: sum.Choices[0].FinishReason}
}

func (w *world) hearResponses(t *testing.T, seen *witness, script string) heardAnswer {
	client, _ := w.responsesClient(openaioption.WithHTTPClient(&http.Client{Transport: seen}))
	res, text, err := respond(t.Context(), client, true, ofText("Hello. fake:"+script))
	if err != nil || !strings.Contains(text, res.OutputText()) {
		t.Fatalf("%q, %+v, error %v", text, res, err)
	}
	return heardAnswer{text: text, stop: string(res.Status)}
}

func (w *world) hearGemini(t *testing.T, seen *witness, script string) heardAnswer {
	client, err := genai.NewClient(t.Context(), &genai.ClientConfig{
		APIKey: aliceKey, Backend: genai.BackendGeminiAPI, HTTPClient: &http.Client{Transport: seen}, HTTPOptions: genai.HTTPOptions{BaseURL: w.URL + "/gemini"},
	})
	if err != nil {
		t.Fatal(err)
	}
	parts, finish, err := generate(t.Context(), client, true, genai.Text("Hello. fake:"+script))
	if err != nil {
		t.Fatal(err)
	}
	return heardAnswer{text: textOf(parts), stop: string(finish)}
}

func (w *world) hearBedrock(t *testing.T, seen *witness, script string) heardAnswer {
	client := faketest.BedrockClient(w.URL+"/bedrock", aliceKey, &http.Client{Transport: seen})
	answer, stop, err := bedrocked{client: client}.converse(t, true, words("Hello. fake:"+script))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := heard(answer)
	return heardAnswer{text: text, stop: stop}
}
