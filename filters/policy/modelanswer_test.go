package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bartizan/filters"
)

const modelAnswers = `apiVersion: bartizan/v1
kind: Policy
metadata: { name: p }
spec:
  surface: llm
  variables:
    - { name: said, expression: "block.origin == 'assistant' && block.text.contains('Z')" }
  rules:
    - { name: model, expression: "response.model != llm.model", action: flag }
    - { name: stop, expression: "response.stop_reason == 'refusal' || response.error != ''", action: flag }
    - { name: shell, expression: "call.name == 'Bash' && call.input.command.contains('rm')", action: deny, reason: No. }
    - { name: text-tool, expression: "call.name == 'patch' && call.input.size() == 0 && call.text.contains('rm') && call.size > 1 && call.id == 'c2'", action: deny, reason: No. }
    - { name: keys, expression: "block.origin == 'assistant'", action: redact, pattern: "AKIA[0-9]+" }
    - { name: said, expression: variables.said, action: quarantine, reason: No. }
    - { name: results, expression: "block.origin == 'tool_result'", action: flag }
    - { name: documents, expression: "block.origin == 'document'", action: deny, reason: No. }
    - { name: long, expression: "block.origin == 'user' && block.size > 10", action: deny, reason: No. }
`

func modelCall() *filters.Exchange {
	return &filters.Exchange{
		Route: filters.Route{Surface: filters.SurfaceLLM, Operation: "messages"}, LLM: &filters.LLM{Model: "m"},
		Response: filters.Response{Status: 200, Model: "m", StopReason: "refusal"},
	}
}

// TestJudgeModelAnswer: which rules are asked at which stage of a model's answer.
func TestJudgeModelAnswer(t *testing.T) {
	_, judge := mustLoad(t, modelAnswers).Judge(modelCall())
	if judge == nil {
		t.Fatal("nothing to say")
	}
	block := func(origin filters.Origin, mediaType, name, data string) []filters.Block {
		b := filters.Block{Origin: origin, MediaType: mediaType, Name: name, CallID: "c2", Pointer: "/content/0", Data: filters.Plain(data), End: len(data) + 2}
		return []filters.Block{b}
	}
	json, plain := "application/json", "text/plain"
	for _, c := range []struct {
		name   string
		stage  filters.AnswerStage
		blocks []filters.Block
		want   string
	}{
		{"begin", filters.AnswerBegins, nil, "allow"},
		{"end", filters.AnswerEnds, nil, "flag p/stop"},
		{"a call", filters.AnswerPart, block(filters.OriginToolCall, json, "Bash", `{"command":"rm -rf"}`), "deny p/shell 1 at /content/0"},
		{"another", filters.AnswerPart, block(filters.OriginToolCall, json, "Bash", `{"command":"ls"}`), "allow"},
		{"no arguments", filters.AnswerPart, block(filters.OriginToolCall, json, "Bash", ``), "deny p/shell failed"},
		{"no JSON", filters.AnswerPart, block(filters.OriginToolCall, json, "Bash", `{"comm`), "deny p/shell failed"},
		{"a text for a tool", filters.AnswerPart, block(filters.OriginToolCall, plain, "patch", `rm x`), "deny p/text-tool 1 at /content/0"},
		{"what is no call is none", filters.AnswerPart, block(filters.OriginAssistant, plain, "Bash", `rm x`), "allow"},
		{"a text", filters.AnswerPart, block(filters.OriginAssistant, plain, "", `AKIA12`), "redact p/keys 1 at /content/0\n0 redact AKIA[0-9]+"},
	} {
		if diff := cmp.Diff(c.want, summary(judge.Judge(modelCall(), c.stage, c.blocks))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	other := modelCall()
	other.Response.Model = "other"
	if got := summary(judge.Judge(other, filters.AnswerBegins, nil)); got != "flag p/model" {
		t.Errorf("another model: %s", got)
	}
}

// TestExpect: what is known of a block before its content.
func TestExpect(t *testing.T) {
	const has = "    - { name: has, expression: \"block.origin == 'tool_result' && has(block.text)\", action: deny, reason: No. }\n"
	for _, c := range []struct {
		origin     filters.Origin
		spec, rule string // more of them
		want       string
	}{
		{filters.OriginAssistant, "", "", "masks AKIA[0-9]+, content, hold"},
		{filters.OriginToolResult, "", "", "content"},
		{filters.OriginDocument, "", "", "denied by documents, content"},
		{filters.OriginUser, "", "", "content, hold"},
		{filters.OriginSystem, "", "", ""},
		{filters.OriginSystem, "", has, "content, hold"}, // has() has no third answer
		{filters.OriginAssistant, "  mode: Observe\n", "", "content"},
	} {
		policy := strings.Replace(modelAnswers, "  surface: llm\n", "  surface: llm\n"+c.spec, 1) + c.rule
		_, judge := mustLoad(t, policy).Judge(modelCall())
		o := judge.Expect(modelCall(), &filters.Block{Origin: c.origin, MediaType: "text/plain"})
		var got []string
		if o.Deny != nil {
			got = append(got, "denied by "+o.Deny.Rule)
		}
		for _, m := range o.Masks {
			got = append(got, "masks "+m.String())
		}
		if o.Content {
			got = append(got, "content")
		}
		if o.Hold {
			got = append(got, "hold")
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s %s: %q, want %q", c.origin, c.spec+c.rule, got, c.want)
		}
	}
}
