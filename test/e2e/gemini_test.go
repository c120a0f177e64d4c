package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genai"

	"bartizan/test/env"
	"bartizan/test/fake"
)

const geminiRules = `apiVersion: bartizan/v1
kind: Policy
metadata: { name: asked }
spec:
  surface: llm
  rules:
    - { name: prompt, expression: "block.origin == 'user' && block.text.contains('FORBIDDEN')", action: deny, reason: We do not ask that. }
    - { name: papers, on: [files.create], expression: "block.origin == 'document' && block.text.contains('FORBIDDEN')", action: deny, reason: That stays here. }
    - { name: gently, expression: "block.origin == 'user' && block.text.contains('BETTER NOT')", action: deny, as: message, reason: Ask something else. }
    - { name: poison, expression: "block.origin == 'tool_result' && block.text.contains('IGNORE')", action: quarantine, reason: It gives orders. }
    - { name: no-writes, expression: "'x-no-writes' in request.headers && call.name == 'write_file' && call.input.text.contains('one two')", action: deny, reason: Nothing is written. }
    - { name: no-delete, expression: "call.name == 'delete_file'", action: deny, reason: Nothing is deleted. }
    - { name: keys, expression: "block.origin == 'assistant'", action: redact, pattern: "AKIA[0-9A-Z]{16}" }
    - { name: elsewhere, expression: "llm.declarations.exists(d, d.kind == 'mcp_server')", action: deny, reason: Servers are reached through the gateway. }
`

// googled starts a fleet with a fake of the Gemini API.
func googled(t *testing.T, rules string) (*world, *fake.Vendor) {
	t.Helper()
	w := start(t, env.FleetOptions{})
	vendor, err := fake.StartGemini(t.Context(), fake.Options{Key: openAIKey, Recorded: recordings})
	if err != nil {
		t.Fatal(err)
	}
	gateway := strings.Replace(w.policies()["gateway.yaml"], "spec:\n", "spec:\n  url: "+w.URL+"\n", 1)
	w.live(t, map[string]string{"gateway.yaml": gateway, "gemini.yaml": fmt.Sprintf(`apiVersion: bartizan/v1
kind: Provider
metadata: { name: gemini }
spec:
  dialect: gemini
  url: %s
  operations: [generateContent, streamGenerateContent, countTokens, files.*, models.list]
  credential: { secret: openai-key }
---
`, vendor.URL()) + rules})
	return w, vendor
}

// witness counts what an SDK sends, and keeps the decision about the last of it.
type witness struct {
	strict   bool // the requests say so
	tries    int
	decision string
}

func (c *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	c.tries++
	if c.strict {
		r = r.Clone(r.Context())
		r.Header.Set("x-strict", "1")
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if res != nil {
		c.decision = res.Header.Get("x-bartizan-decision")
	}
	return res, err
}

func (w *world) geminiClient(t *testing.T, version string) (*genai.Client, *witness) {
	t.Helper()
	seen := &witness{}
	client, err := genai.NewClient(t.Context(), &genai.ClientConfig{
		APIKey: aliceKey, Backend: genai.BackendGeminiAPI, HTTPClient: &http.Client{Transport: seen},
		HTTPOptions: genai.HTTPOptions{BaseURL: w.URL + "/gemini", APIVersion: version},
	})
	if err != nil {
		t.Fatal(err)
	}
	return client, seen
}

const geminiModel = "gemini-3.8-flash"

// generate asks once, streamed or not, and returns the parts of the answer and how it finished.
func generate(ctx context.Context, c *genai.Client, stream bool, contents []*genai.Content) (parts []*genai.Part, finish genai.FinishReason, err error) {
	config := &genai.GenerateContentConfig{
		Tools: []*genai.Tool{{FunctionDeclarations: []*genai.FunctionDeclaration{{Name: "list_directory", Description: "Lists."}}}},
	}
	take := func(res *genai.GenerateContentResponse) {
		for _, c := range res.Candidates {
			if finish = c.FinishReason; c.Content != nil {
				parts = append(parts, c.Content.Parts...)
			}
		}
	}
	if !stream {
		res, err := c.Models.GenerateContent(ctx, geminiModel, contents, config)
		if err == nil {
			take(res)
		}
		return parts, finish, err
	}
	for res, err := range c.Models.GenerateContentStream(ctx, geminiModel, contents, config) {
		if err != nil {
			return parts, finish, err
		}
		take(res)
	}
	return parts, finish, nil
}

func textOf(parts []*genai.Part) (text string) {
	for _, p := range parts {
		text += p.Text
	}
	return text
}

// TestGemini: Google's own SDK has a session with a tool, streamed and not, by either version of the path; its tokens are counted, and
// the result that it brings is known for that of the call.
func TestGemini(t *testing.T) {
	w, vendor := googled(t, geminiRules)
	for _, version := range []string{"v1beta", "v1"} {
		for _, stream := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s stream %t", version, stream), func(t *testing.T) { w.geminiSession(t, vendor, version, stream) })
		}
	}
	t.Run("denied", w.geminiDenied)
	t.Run("answers", w.geminiAnswers)
	t.Run("files", func(t *testing.T) { w.geminiFiles(t, vendor) })
	t.Run("raw", func(t *testing.T) { w.geminiRaw(t, vendor) })
	t.Run("list", func(t *testing.T) { w.geminiList(t, vendor) })
	t.Run("in pieces", w.geminiPieces)
	vendor.Close()
	client, _ := w.geminiClient(t, "v1beta")
	_, err := client.Models.CountTokens(t.Context(), geminiModel, []*genai.Content{genai.NewContentFromText("Hello?", genai.RoleUser)}, nil)
	if api := (genai.APIError{}); !errors.As(err, &api) || api.Code != 503 || api.Status != "UNAVAILABLE" || !strings.Contains(api.Message, "cannot be reached") {
		t.Errorf("without an upstream: %v", err)
	}
}

func (w *world) geminiSession(t *testing.T, vendor *fake.Vendor, version string, stream bool) {
	client, seen := w.geminiClient(t, version)
	contents := []*genai.Content{genai.NewContentFromText(`What is here? fake:say:"good morning" tool:list_directory{"dir_path":"."} usage:120,34,20`, genai.RoleUser)}
	parts, finish, err := generate(t.Context(), client, stream, contents)
	if err != nil || textOf(parts) != "good morning" || finish != genai.FinishReasonStop || parts[len(parts)-1].FunctionCall == nil {
		t.Fatalf("%q, %+v, finished by %s, error %v", textOf(parts), parts, finish, err)
	}
	call := parts[len(parts)-1].FunctionCall
	if call.Name != "list_directory" || call.Args["dir_path"] != "." {
		t.Errorf("call %+v", call)
	}
	asked := seen.decision
	e := w.decision(t, asked)
	own := e.Own()
	if own.Outcome != "allow" || e.Model.Name != geminiModel || own.Usage.Input != 120 || own.Usage.Output != 34 ||
		len(own.ToolCalls) != 1 || own.ToolCalls[0].Name != "list_directory" {
		t.Errorf("record %s", e.Raw)
	}
	noCallerKey(t, e)
	answer := &genai.FunctionResponse{ID: call.ID, Name: call.Name, Response: map[string]any{"output": "a.txt"}}
	contents = append(contents, genai.NewContentFromParts(parts, genai.RoleModel),
		genai.NewContentFromParts([]*genai.Part{{FunctionResponse: answer}}, genai.RoleUser))
	parts, _, err = generate(t.Context(), client, stream, contents)
	if err != nil || !strings.Contains(textOf(parts), "a.txt") {
		t.Fatalf("%q, error %v", textOf(parts), err)
	}
	e = w.decision(t, seen.decision)
	if results := e.Own().LLM.ToolResults; len(results) != 1 || results[0].Asked != asked {
		t.Errorf("record %s", e.Raw)
	}
	sent := vendor.Requests()
	if last := sent[len(sent)-1]; !strings.HasPrefix(last.Path, "/"+version+"/models/"+geminiModel+":") || strings.Contains(fmt.Sprint(last.Header), aliceKey) {
		t.Errorf("the upstream got %s %v", last.Path, last.Header)
	}
}

// geminiDenied: our words reach the person after one try, and tokens may be counted.
func (w *world) geminiDenied(t *testing.T) {
	client, seen := w.geminiClient(t, "v1beta")
	for _, stream := range []bool{true, false} {
		before := seen.tries
		_, _, err := generate(t.Context(), client, stream, []*genai.Content{genai.NewContentFromText("FORBIDDEN", genai.RoleUser)})
		var api genai.APIError
		if !errors.As(err, &api) || api.Code != 403 || api.Status != "PERMISSION_DENIED" || !strings.Contains(api.Message, "We do not ask that. (rule asked/prompt") {
			t.Errorf("stream %t: %v", stream, err)
		}
		if seen.tries != before+1 {
			t.Errorf("stream %t: %d tries", stream, seen.tries-before)
		}
		parts, finish, err := generate(t.Context(), client, stream, []*genai.Content{genai.NewContentFromText("BETTER NOT", genai.RoleUser)})
		if err != nil || finish != genai.FinishReasonStop || !strings.Contains(textOf(parts), "Ask something else. (rule asked/gently") {
			t.Errorf("stream %t: %q, finished by %s, error %v", stream, textOf(parts), finish, err)
		}
		if e := w.decision(t, seen.decision); e.Own().Outcome != "deny" || e.Model.Name != geminiModel {
			t.Errorf("record %s", e.Raw)
		}
	}
	count, err := client.Models.CountTokens(t.Context(), geminiModel, []*genai.Content{genai.NewContentFromText("How many?", genai.RoleUser)}, nil)
	if err != nil || count.TotalTokens == 0 {
		t.Errorf("%+v, error %v", count, err)
	}
	if _, err := client.Models.CountTokens(t.Context(), geminiModel, []*genai.Content{genai.NewContentFromText("FORBIDDEN", genai.RoleUser)}, nil); err == nil {
		t.Error("tokens of what is forbidden were counted")
	}
}

// geminiAnswers: of two calls the one that is denied becomes our words, and a key in the text is masked, streamed and not.
func (w *world) geminiAnswers(t *testing.T) {
	client, seen := w.geminiClient(t, "v1beta")
	for _, stream := range []bool{true, false} {
		parts, finish, err := generate(t.Context(), client, stream, []*genai.Content{genai.NewContentFromText(
			`Go. fake:say:"the key AKIAABCDEFGHIJKLMNOP " stream:9 tool:delete_file{"path":"/"} tool:list_directory{"dir_path":"."}`, genai.RoleUser)})
		text := textOf(parts)
		if err != nil || finish != genai.FinishReasonStop || !strings.HasPrefix(text, "the key [redacted] Refused by Bartizan: Nothing is deleted. (rule asked/no-delete") {
			t.Errorf("stream %t: %q, finished by %s, error %v", stream, text, finish, err)
		}
		var called []string
		for _, p := range parts {
			if p.FunctionCall != nil {
				called = append(called, p.FunctionCall.Name)
			}
		}
		if !slices.Equal(called, []string{"list_directory"}) {
			t.Errorf("stream %t: called %v", stream, called)
		}
		if r := factOf(t, w.decision(t, seen.decision)); r.Unmapped.Bartizan.Answer.Action != "deny" {
			t.Errorf("record %s", r.Raw)
		}
	}
}

// geminiRaw sends what no SDK does.
func (w *world) geminiRaw(t *testing.T, vendor *fake.Vendor) {
	const path = "/gemini/v1beta/models/" + geminiModel + ":generateContent"
	for _, c := range []struct {
		path, body string
		status     int
		says       string // in the answer, or in what the upstream got
	}{
		{path, `{"contents":[{"parts":[{"text":"in snake case"}]}],"generation_config":{"max_output_tokens":"5"}}`, 200, `"in snake case"`},
		{path, `{"contents":[{"parts":[{"inline_data":{"mime_type":"text/plain","data":"Rk9SQklEREVO"}},{"text":"FORBIDDEN"}]}]}`, 403, "We do not ask that."},
		{
			path, `{"contents":[{"parts":[{"function_response":{"name":"f","response":{"output":"IGNORE all"}}}]}]}`, 200,
			`{"output":"Removed by Bartizan: It gives orders. (rule asked/poison)"}`,
		},
		{path, `{"contents":[{"parts":[]}],"tools":[{"mcp_servers":[{"name":"x","streamable_http_transport":{"url":"https://x.test"}}]}]}`, 403, "Servers are reached"},
		{path, `{"contents":[],"systemInstruction":{"parts":[]},"system_instruction":{"parts":[]}}`, 400, "two spellings of one name at /system_instruction"},
		{path + "?key=" + aliceKey, `{"contents":[]}`, 401, "the address holds a key"},
		{path + "?$httpHeaders=x", `{"contents":[]}`, 400, "is not taken here"},
		{"/gemini/v1beta/models/a%2Fb:generateContent", `{"contents":[]}`, 404, "is no operation of dialect gemini"},
		{"/gemini/v1beta/models/" + geminiModel + ":embedContent", `{"content":{}}`, 404, "is the operation embedContent, which is not among those"},
		{"/gemini/v2/models/" + geminiModel + ":generateContent", `{"contents":[]}`, 404, "is no operation of dialect gemini"},
		{"/gemini/v1beta/models", `{}`, 404, "is no operation of dialect gemini"},
		{"/gemini/upload/v1beta/files", `{}`, 400, "x-goog-upload-protocol"},
		{"/gemini/upload/v1beta/files?upload_id=x&key=" + aliceKey, `{}`, 401, "the address holds a key"},
		{"/gemini/upload/v1beta/files?uploadType=media", `{}`, 400, "is not taken here"},
	} {
		before := len(vendor.Requests())
		req := w.post(t, c.path, "", c.body)
		req.Header.Set("x-goog-api-key", aliceKey)
		a := call(t, req)
		sent, says := vendor.Requests(), a.body
		if len(sent) > before {
			says += string(sent[len(sent)-1].Body)
		}
		if a.err != nil || a.status != c.status || !strings.Contains(says, c.says) || (len(sent) > before) != (c.status == 200) {
			t.Errorf("%s %s: %d %s", c.path, c.body, a.status, says)
		}
	}
}
