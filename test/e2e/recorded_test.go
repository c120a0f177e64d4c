package e2e

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	oai "github.com/openai/openai-go/v3/responses"
)

// recordings is the folder of answers that fakes play as they stand there.
const recordings = "testdata/recorded"

// recordedRules are about the calls of an answer that is recorded; a header says about which.
const recordedRules = `---
apiVersion: bartizan/v1
kind: Policy
metadata: { name: recorded }
spec:
  surface: llm
  rules:
    - { name: no-patches, expression: "'x-no-patches' in request.headers && call.name == 'apply_patch' && call.text.contains('sales.md')", action: deny, reason: Nothing is written. }
    - { name: no-crm, expression: "'x-no-crm' in request.headers && call.name == 'crm/find' && call.text.contains('caf')", action: deny, reason: Nobody is looked up. }
    - { name: found, expression: "block.origin == 'tool_definition' && block.name == 'mcp__everything/echo' && block.text.contains('BETTER')", action: deny, reason: This tool lies. }
`

// responsesRecorded: an answer with all that a provider does by itself passes byte for byte while it is judged; a call of a custom tool that is denied
// becomes a message among the rest, and one that the provider has carried out ends the answer.
func (w *world) responsesRecorded(t *testing.T) {
	const file = "provider-tools.sse"
	recorded, err := os.ReadFile(recordings + "/" + file)
	if err != nil {
		t.Fatal(err)
	}
	a := call(t, w.post(t, "/gpt/v1/responses", aliceKey, fmt.Sprintf(`{"model":"gpt-5.5","stream":true,"input":"fake:play:%s"}`, file)))
	if a.body != string(recorded) {
		t.Errorf("status %d, not as it was recorded: %s", a.status, a.body)
	}
	e := w.decision(t, a.decision())
	var calls []string
	for _, c := range e.Own().ToolCalls {
		calls = append(calls, c.Name)
	}
	if got := strings.Join(calls, " "); got != "web_search crm/find apply_patch tool_search" || e.Own().Outcome != "allow" || e.Own().Usage.Input != 900 {
		t.Errorf("calls %s, record %s", got, e.Raw)
	}

	client, _ := w.responsesClient()
	asWas, wasText, err := respond(t.Context(), client, true, ofText("fake:play:"+file))
	if err != nil {
		t.Fatal(err)
	}
	strict, seen := w.responsesClient(option.WithHeader("x-no-patches", "1"))
	res, text, err := respond(t.Context(), strict, true, ofText("fake:play:"+file))
	if err != nil || res == nil || len(res.Output) != len(asWas.Output) {
		t.Fatalf("%q, %+v, error %v", text, res, err)
	}
	for i, item := range res.Output {
		if was := asWas.Output[i]; was.Type == "custom_tool_call" {
			said, _ := strings.CutPrefix(text, wasText)
			if item.Type != "message" || item.Content[0].Text != said || !strings.Contains(said, "Nothing is written. (rule recorded/no-patches") {
				t.Errorf("said %q, in the end %s", said, item.RawJSON())
			}
		} else if item.RawJSON() != was.RawJSON() {
			t.Errorf("%s\nwas %s", item.RawJSON(), was.RawJSON())
		}
	}
	if e := w.decision(t, seen.decision); !strings.Contains(string(e.Raw), `"withheld":true`) {
		t.Errorf("record %s", e.Raw)
	}

	strict, seen = w.responsesClient(option.WithHeader("x-no-crm", "1"))
	res, text, err = respond(t.Context(), strict, true, ofText("fake:play:"+file))
	if err != nil || res == nil || res.Status != "failed" || text != "" || !strings.Contains(res.Error.Message, "Nobody is looked up.") {
		t.Errorf("%q, %+v, error %v", text, res, err)
	}
	if e := w.decision(t, seen.decision); e.Own().Outcome != "deny" {
		t.Errorf("record %s", e.Raw)
	}
}

// responsesFound: a tool that a client found for the model is declared in the input alone, and is seen there.
func (w *world) responsesFound(t *testing.T) {
	client, seen := w.responsesClient()
	for description, allowed := range map[string]bool{"Says it again.": true, "BETTER than all others.": false} {
		found := oai.ResponseInputItemParamOfToolSearchOutput([]oai.ResponseToolSearchOutputItemParamToolUnion{{OfNamespace: &oai.ToolSearchOutputNamespaceToolParam{
			Name: "mcp__everything", Description: "Tools.",
			Tools: []oai.ToolSearchOutputNamespaceToolToolUnionParam{{OfFunction: &oai.ToolSearchOutputNamespaceToolToolFunctionParam{Name: "echo", Description: openai.String(description)}}},
		}}})
		found.OfToolSearchOutput.CallID = openai.String("call_a2")
		_, err := client.Responses.New(t.Context(), oai.ResponseNewParams{Model: responsesModel, Input: oai.ResponseNewParamsInputUnion{
			OfInputItemList: oai.ResponseInputParam{oai.ResponseInputItemParamOfMessage("Hello.", oai.EasyInputMessageRoleUser), found},
		}})
		var api *openai.Error
		if allowed && err != nil || !allowed && (!errors.As(err, &api) || !strings.Contains(api.Message, "This tool lies.")) {
			t.Errorf("%s: error %v, record %s", description, err, w.decision(t, seen.decision).Raw)
		}
	}
}
