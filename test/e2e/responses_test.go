package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	oai "github.com/openai/openai-go/v3/responses"

	"bartizan/test/env"
	"bartizan/test/fake"
)

// responding starts a fleet with a fake of the Responses API.
func responding(t *testing.T) (*world, *fake.Vendor) {
	t.Helper()
	w := start(t, env.FleetOptions{})
	vendor, err := fake.StartResponses(t.Context(), fake.Options{Key: openAIKey, Recorded: recordings})
	if err != nil {
		t.Fatal(err)
	}
	w.live(t, map[string]string{"responses.yaml": fmt.Sprintf(`apiVersion: bartizan/v1
kind: Provider
metadata: { name: gpt }
spec:
  dialect: openai
  url: %s
  operations: [responses, responses.input_tokens]
  credential: { secret: openai-key }
---
`, vendor.URL()) + geminiRules + recordedRules})
	return w, vendor
}

const responsesModel = "gpt-5.5"

func (w *world) responsesClient(opts ...option.RequestOption) (openai.Client, *witness) {
	seen := &witness{}
	return openai.NewClient(append([]option.RequestOption{
		option.WithBaseURL(w.URL + "/gpt/v1"), option.WithAPIKey(aliceKey), option.WithHTTPClient(&http.Client{Transport: seen}),
	}, opts...)...), seen
}

func ofText(text string) oai.ResponseNewParams {
	return oai.ResponseNewParams{Model: responsesModel, Input: oai.ResponseNewParamsInputUnion{OfString: openai.String(text)}}
}

// respond asks once, streamed or not, and returns the response and the text as it came.
func respond(ctx context.Context, c openai.Client, stream bool, ask oai.ResponseNewParams) (*oai.Response, string, error) {
	if !stream {
		res, err := c.Responses.New(ctx, ask)
		if err != nil {
			return nil, "", err
		}
		return res, res.OutputText(), nil
	}
	var res *oai.Response
	text, next := "", int64(0)
	events := c.Responses.NewStreaming(ctx, ask)
	for events.Next() {
		e := events.Current()
		if e.SequenceNumber != next {
			return nil, text, fmt.Errorf("event %d has the number %d", next, e.SequenceNumber)
		}
		next++
		switch e.Type {
		case "response.output_text.delta":
			text += e.Delta
		case "response.completed", "response.failed":
			res = &e.Response
		}
	}
	return res, text, events.Err()
}

// TestResponses: OpenAI's own SDK has a session with a tool, streamed and not, what is denied reaches the person in one try, and a
// connector is seen wherever it is declared.
func TestResponses(t *testing.T) {
	w, vendor := responding(t)
	for _, stream := range []bool{true, false} {
		t.Run(fmt.Sprintf("session, stream %t", stream), func(t *testing.T) { w.responsesSession(t, stream) })
		t.Run(fmt.Sprintf("denied, stream %t", stream), func(t *testing.T) { w.responsesDenied(t, stream) })
		t.Run(fmt.Sprintf("answers, stream %t", stream), func(t *testing.T) { w.responsesAnswers(t, stream) })
	}
	t.Run("codex", w.responsesCodex)
	t.Run("declared", func(t *testing.T) { w.responsesDeclared(t, vendor) })
	t.Run("upgrades", w.responsesUpgrades)
	t.Run("recorded", w.responsesRecorded)
	t.Run("found", w.responsesFound)
}

func (w *world) responsesSession(t *testing.T, stream bool) {
	client, seen := w.responsesClient()
	res, text, err := respond(t.Context(), client, stream,
		ofText(`How much? fake:say:"good morning" thinking tool:mcp__warehouse/query_sales{"quarter":"2026-Q3"} usage:120,34,20,10`))
	if err != nil || text != "good morning" || len(res.Output) != 3 {
		t.Fatalf("%q, %+v, error %v", text, res, err)
	}
	asked, e := seen.decision, w.decision(t, seen.decision)
	own, call := e.Own(), res.Output[2].AsFunctionCall()
	if own.Outcome != "allow" || e.Model.Name != responsesModel || own.Usage.Input != 120 || own.Usage.Output != 34 || own.Usage.CacheRead != 20 ||
		own.Usage.CacheCreation != 10 || len(own.ToolCalls) != 1 || own.ToolCalls[0].Name != "mcp__warehouse/query_sales" || own.ToolCalls[0].ID != call.CallID {
		t.Errorf("record %s", e.Raw)
	}
	noCallerKey(t, e)
	history := oai.ResponseInputParam{
		oai.ResponseInputItemParamOfMessage("How much?", oai.EasyInputMessageRoleUser),
		oai.ResponseInputItemParamOfFunctionCall(call.Arguments, call.CallID, call.Name),
		oai.ResponseInputItemUnionParam{OfFunctionCallOutput: &oai.ResponseInputItemFunctionCallOutputParam{
			CallID: openai.String(call.CallID), Output: oai.ResponseInputItemFunctionCallOutputOutputUnionParam{OfString: openai.String("42 cars")},
		}},
	}
	_, text, err = respond(t.Context(), client, stream, oai.ResponseNewParams{
		Model: responsesModel, Input: oai.ResponseNewParamsInputUnion{OfInputItemList: history},
	})
	if err != nil || text != "The tool says: 42 cars" {
		t.Fatalf("%q, error %v", text, err)
	}
	e = w.decision(t, seen.decision)
	if results := e.Own().LLM.ToolResults; len(results) != 1 || results[0].Asked != asked {
		t.Errorf("record %s", e.Raw)
	}
}

func (w *world) responsesDenied(t *testing.T, stream bool) {
	client, seen := w.responsesClient()
	_, _, err := respond(t.Context(), client, stream, ofText("FORBIDDEN"))
	var api *openai.Error
	if !errors.As(err, &api) || api.StatusCode != http.StatusUnavailableForLegalReasons || !strings.Contains(api.Message, "We do not ask that. (rule asked/prompt") || seen.tries != 1 {
		t.Errorf("%d tries, %v", seen.tries, err)
	}
	res, text, err := respond(t.Context(), client, stream, ofText("BETTER NOT"))
	if err != nil || res.Status != "completed" || !strings.Contains(text, "Ask something else. (rule asked/gently") {
		t.Errorf("%q, %+v, error %v", text, res, err)
	}
	if e := w.decision(t, seen.decision); e.Own().Outcome != "deny" || e.Model.Name != responsesModel {
		t.Errorf("record %s", e.Raw)
	}
	if _, err := client.Responses.InputTokens.Count(t.Context(), oai.InputTokenCountParams{
		Model: openai.String(responsesModel), Input: oai.InputTokenCountParamsInputUnion{OfString: openai.String("FORBIDDEN")},
	}); !errors.As(err, &api) || api.StatusCode != http.StatusUnavailableForLegalReasons {
		t.Errorf("tokens of what is forbidden: %v", err)
	}
}

// responsesAnswers: of two calls the one that is denied becomes our words in its place, and a key in the text is masked wherever it is
// said again.
func (w *world) responsesAnswers(t *testing.T, stream bool) {
	client, seen := w.responsesClient()
	res, text, err := respond(t.Context(), client, stream, ofText(
		`Go. fake:say:"the key AKIAABCDEFGHIJKLMNOP " stream:9 tool:delete_file{"path":"/"} tool:list_directory{"dir_path":"."}`))
	if err != nil || len(res.Output) != 3 {
		t.Fatalf("%q, %+v, error %v", text, res, err)
	}
	const want = "the key [redacted] Refused by Bartizan: Nothing is deleted. (rule asked/no-delete"
	if !strings.HasPrefix(text, want) || !strings.HasPrefix(res.OutputText(), want) {
		t.Errorf("streamed %q, in the end %q", text, res.OutputText())
	}
	if call := res.Output[2].AsFunctionCall(); res.Output[1].Type != "message" || call.Name != "list_directory" || call.Arguments != `{"dir_path":"."}` {
		t.Errorf("output %s", res.RawJSON())
	}
	if r := factOf(t, w.decision(t, seen.decision)); r.Unmapped.Bartizan.Answer.Action != "deny" {
		t.Errorf("record %s", r.Raw)
	}
}

// responsesCodex: who is calling decides the form: an answer that failed, whose message Codex shows alone after one try.
func (w *world) responsesCodex(t *testing.T) {
	client, seen := w.responsesClient(option.WithHeader("User-Agent", "codex_exec/0.169.0 (Debian 12.0.0; x86_64)"))
	res, _, err := respond(t.Context(), client, true, ofText("FORBIDDEN"))
	if err != nil || res == nil || res.Status != "failed" || res.Error.Code != "invalid_prompt" || !strings.Contains(res.Error.Message, "We do not ask that. (rule asked/prompt") {
		t.Errorf("%+v, error %v", res, err)
	}
	if e := w.decision(t, seen.decision); e.Own().Outcome != "deny" || seen.tries != 1 {
		t.Errorf("%d tries, record %s", seen.tries, e.Raw)
	}
}

func (w *world) responsesDeclared(t *testing.T, vendor *fake.Vendor) {
	for name, body := range map[string]string{
		"in tools":            `{"model":"gpt-5.5","input":"x","tools":[{"type":"mcp","server_label":"a","server_url":"https://a.test","authorization":"secret"}]}`,
		"in additional_tools": `{"model":"gpt-5.5","input":[{"type":"additional_tools","role":"developer","tools":[{"type":"mcp","server_label":"d","connector_id":"connector_dropbox"}]}]}`,
		"in a tool search":    `{"model":"gpt-5.5","input":[{"type":"tool_search_output","call_id":"c","tools":[{"type":"mcp","server_label":"t","tunnel_id":"tunnel_1"}]}]}`,
	} {
		before := len(vendor.Requests())
		a := call(t, w.post(t, "/gpt/v1/responses", aliceKey, body))
		if a.status != 451 || !strings.Contains(a.body, "Servers are reached through the gateway.") || len(vendor.Requests()) != before {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if r := w.decision(t, a.header.Get("x-bartizan-decision")); strings.Contains(string(r.Raw), `"secret"`) {
			t.Errorf("%s: record %s", name, r.Raw)
		}
	}
}

// responsesUpgrades: Codex asks for a WebSocket first, and falls back at once.
func (w *world) responsesUpgrades(t *testing.T) {
	for line, protocol := range map[string]string{"GET /gpt/v1/responses": "openai", "POST /gpt/v1/responses": "openai"} {
		name := tag()
		headers := []string{
			"connection: Upgrade", "upgrade: websocket", "sec-websocket-version: 13", "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
			"openai-beta: responses_websockets=2026-02-06",
		}
		a := w.raw(t, strings.Replace(text(line+" HTTP/1.1", name, bobKey, headers, ""), "content-length: 0\r\n", "", 1))
		w.expect(t, name, a, wanted{status: 426, protocol: protocol, says: "not upgraded", outcome: "deny", endedBy: "envoy"})
	}
}
