package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"

	"bartizan/test/env"
)

// modelAnswerRules are about answers of models. Whether a text may be held is said by a header, so that others flow.
const modelAnswerRules = `apiVersion: bartizan/v1
kind: Policy
metadata: { name: answers }
spec:
  surface: llm
  rules:
    - { name: no-deleting, expression: "call.name == 'Bash' && call.input.command.contains('rm -rf')", action: deny, reason: Agents do not delete. }
    - { name: keys, expression: "block.origin == 'assistant'", action: redact, pattern: "AKIA[0-9A-Z]{16}" }
---
apiVersion: bartizan/v1
kind: Policy
metadata: { name: secrets }
spec:
  surface: llm
  matchConditions: ["'x-strict' in request.headers"]
  rules:
    - { name: project, expression: "block.origin == 'assistant' && block.text.contains('Project Z')", action: deny, reason: Nobody speaks of that. }
`

// key is cut by the pieces in which a fake says it.
const (
	key     = "AKIAABCDEFGHIJKLMNOP"
	deletes = `tool:Bash{"command":"rm -rf /"}`
	reads   = `tool:Read{"path":"/etc/hosts"}`
	refuses = "Refused by Bartizan: Agents do not delete. (rule answers/no-deleting, decision "
)

// TestAnswersJudged: what rules say about the answers of models, as the vendors' SDKs read it and as the record tells it.
func TestAnswersJudged(t *testing.T) {
	w := start(t, env.FleetOptions{})
	w.live(t, map[string]string{"answers.yaml": modelAnswerRules})
	t.Run("anthropic", w.anthropicAnswers)
	t.Run("openai", func(t *testing.T) { w.openAIAnswers(t, "openai", "gpt-5.5") })
	t.Run("in time", w.answersInTime)
	t.Run("cut", w.answerCut)
}

// judgedAnswer is what a client has of an answer.
type judgedAnswer struct {
	text, stop string
	calls      []string
}

func (w *world) anthropicAnswers(t *testing.T) {
	for _, stream := range []bool{true, false} {
		for _, c := range judgedCases {
			t.Run(c.name+streamed(stream), func(t *testing.T) {
				name := tag()
				client := w.anthropicClient(bobKey, anthropicoption.WithHeader("user-agent", name))
				message := &anthropic.Message{}
				var err error
				if stream {
					events := client.Messages.NewStreaming(t.Context(), ask("claude-sonnet-5", "Hello. fake:"+c.script))
					for events.Next() && err == nil {
						err = message.Accumulate(events.Current())
					}
					if err == nil {
						err = events.Err()
					}
				} else {
					message, err = client.Messages.New(t.Context(), ask("claude-sonnet-5", "Hello. fake:"+c.script))
				}
				if err != nil {
					t.Fatal(err)
				}
				got := judgedAnswer{stop: map[anthropic.StopReason]string{"tool_use": "calls", "end_turn": "end"}[message.StopReason]}
				for _, b := range message.Content {
					if got.text += b.Text; b.Type == "tool_use" {
						got.calls = append(got.calls, b.Name+string(b.Input))
					}
				}
				w.holdJudged(t, c, got, name)
			})
		}
	}
}

func (w *world) openAIAnswers(t *testing.T, provider, model string) {
	for _, stream := range []bool{true, false} {
		for _, c := range judgedCases {
			t.Run(c.name+streamed(stream), func(t *testing.T) {
				name := tag()
				client := openai.NewClient(openaioption.WithBaseURL(w.URL+"/"+provider+"/v1"), openaioption.WithAPIKey(bobKey), openaioption.WithHeader("user-agent", name))
				params := openai.ChatCompletionNewParams{Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Hello. fake:" + c.script)}}
				var choice openai.ChatCompletionChoice
				if stream {
					chunks, sum := client.Chat.Completions.NewStreaming(t.Context(), params), openai.ChatCompletionAccumulator{}
					for chunks.Next() {
						if !sum.AddChunk(chunks.Current()) {
							t.Fatalf("the SDK cannot add %s", chunks.Current().RawJSON())
						}
					}
					if chunks.Err() != nil {
						t.Fatal(chunks.Err())
					}
					choice = sum.Choices[0]
				} else {
					whole, err := client.Chat.Completions.New(t.Context(), params)
					if err != nil {
						t.Fatal(err)
					}
					choice = whole.Choices[0]
				}
				got := judgedAnswer{text: choice.Message.Content, stop: map[string]string{"tool_calls": "calls", "stop": "end"}[choice.FinishReason]}
				for _, call := range choice.Message.ToolCalls {
					got.calls = append(got.calls, call.Function.Name+call.Function.Arguments)
				}
				w.holdJudged(t, c, got, name)
			})
		}
	}
}

func streamed(stream bool) string {
	if stream {
		return ", streamed"
	}
	return ", whole"
}

type judgedCase struct {
	name, script  string
	text, refusal bool // the text is said; a refusal stands in it
	calls         string
	stop, outcome string
	rules         string
}

var judgedCases = []judgedCase{
	{"allowed", `say:"All is well." ` + reads, true, false, `Read{"path":"/etc/hosts"}`, "calls", "allow", ""},
	{"denied", `say:"All is well." ` + deletes, true, true, "", "end", "quarantine", "no-deleting"},
	{"one of two denied", `say:"All is well." ` + deletes + " " + reads, true, true, `Read{"path":"/etc/hosts"}`, "calls", "quarantine", "no-deleting"},
	{"redacted", `say:"All is well: ` + key + `." stream:9`, false, false, "", "end", "redact", "keys"},
}

// holdJudged holds an answer, and its record, against what they should be.
func (w *world) holdJudged(t *testing.T, c judgedCase, got judgedAnswer, name string) {
	t.Helper()
	r := w.recordOf(t, name)
	want := "All is well."
	if !c.text {
		want = "All is well: [redacted]."
	}
	said := strings.NewReplacer("\n", "", refuses+r.Own().DecisionID+")", "", ". Ask your administrator about this decision.", "").Replace(got.text)
	if said != want || strings.Contains(got.text, refuses+r.Own().DecisionID) != c.refusal {
		t.Errorf("text %q", got.text)
	}
	if calls := strings.Join(got.calls, " "); calls != c.calls || got.stop != c.stop {
		t.Errorf("calls %s, stop %s; want %s, %s", calls, got.stop, c.calls, c.stop)
	}
	var rules []string
	for _, v := range r.Unmapped.Bartizan.Answer.Verdicts {
		rules = append(rules, v.Rule)
	}
	if r.Own().Outcome != c.outcome || strings.Join(rules, " ") != c.rules {
		t.Errorf("outcome %s by %v, want %s by %s: %s", r.Own().Outcome, rules, c.outcome, c.rules, r.Raw)
	}
	if withheld := strings.Contains(string(r.Raw), `"withheld":true`); withheld != c.refusal {
		t.Errorf("a call is withheld: %v: %s", withheld, r.Raw)
	}
}

// answersInTime: text flows while a call is held, and the call passes at once when it is whole. The model falls silent for ever at one event
// after the other, and the client has what may pass by then.
func (w *world) answersInTime(t *testing.T) {
	const callEvents = 13 // its begin, an empty fragment, eleven of two bytes
	for _, c := range []struct {
		name         string
		silent       int // the number of the first event that the model does not send
		texts, calls int
	}{
		{"after a piece of text", 4, 1, 0},
		{"before the end of the call", 20, 3, 0},
		{"after it", 21, 3, callEvents},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, leave := context.WithTimeout(t.Context(), patience)
			defer leave()
			script := fmt.Sprintf(`say:"one two three" fragment:2 %s hang:%d`, reads, c.silent)
			res, err := http.DefaultClient.Do(w.messages(t, bobKey, "claude-sonnet-5", script, true).WithContext(ctx))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			texts, calls := 0, 0
			for lines := bufio.NewScanner(res.Body); lines.Scan(); {
				switch line := lines.Text(); {
				case !strings.HasPrefix(line, "data: "):
				case strings.Contains(line, "text_delta"):
					texts++
				case strings.Contains(line, `"tool_use"`), strings.Contains(line, "input_json_delta"):
					calls++
				}
				if texts == c.texts && calls == c.calls {
					time.AfterFunc(time.Second, leave) // what comes in this time comes too early
				}
			}
			if texts != c.texts || calls != c.calls {
				t.Errorf("%d pieces of text and %d events of the call, want %d and %d", texts, calls, c.texts, c.calls)
			}
		})
	}
}

// answerCut: a text that may not pass ends the answer as an error of the dialect, or is refused whole.
func (w *world) answerCut(t *testing.T) {
	for _, c := range []struct {
		script string
		stream bool
		status int
		passes bool
	}{
		{`say:"About Project Z."`, true, 200, false},
		{`say:"About Project Z."`, false, 451, false},
		{`say:"About Project Y."`, true, 200, true},
	} {
		req := w.messages(t, bobKey, "claude-sonnet-5", c.script, c.stream)
		req.Header.Set("x-strict", "1")
		name := tagged(req)
		a := call(t, req)
		if a.status != c.status || strings.Contains(a.body, "About") != c.passes || strings.Contains(a.body, "Nobody speaks of that.") == c.passes {
			t.Errorf("%s: %d %s", c.script, a.status, a.body)
		}
		if c.stream && !c.passes && !strings.HasSuffix(a.body, "\n\n") || c.stream && strings.Contains(a.body, "event: error") == c.passes {
			t.Errorf("the stream ends with %q", a.body)
		}
		r := w.recordOf(t, name)
		if c.passes {
			continue
		}
		if r.Own().Outcome != "deny" || r.Unmapped.Bartizan.EndedBy != "gateway" || r.Unmapped.Bartizan.Answer.Action != "deny" {
			t.Errorf("record %s", r.Raw)
		}
	}
}
