package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"google.golang.org/genai"

	"bartizan/test/fake"
)

// geminiList asks for a stream without alt=sse: one list, whose elements are judged as they come.
func (w *world) geminiList(t *testing.T, vendor *fake.Vendor) {
	const path = "/v1beta/models/" + geminiModel + ":streamGenerateContent"
	listed := func(url, key, script string) *http.Request {
		req := w.post(t, "", "", fmt.Sprintf(`{"contents":[{"parts":[{"text":%q}]}]}`, script))
		req.URL.Host, req.URL.Path = strings.TrimPrefix(url, "http://"), path
		req.Header.Set("x-goog-api-key", key)
		return req
	}
	through := func(script string) *http.Request {
		req := listed(w.URL, aliceKey, script)
		req.URL.Path = "/gemini" + path
		return req
	}
	const script = `Go. fake:say:"one two" usage:9,4 tool:list_directory{"dir_path":"."}`
	a, direct := call(t, through(script)), call(t, listed(vendor.URL(), openAIKey, script))
	if got, want := serial.ReplaceAllString(a.body, ""), serial.ReplaceAllString(direct.body, ""); a.status != 200 || got != want {
		t.Errorf("%d %s\nwant %s", a.status, got, want)
	}
	if e := w.decision(t, a.decision()); e.Own().Outcome != "allow" || e.Own().Usage.Input != 9 || len(e.Own().ToolCalls) != 1 {
		t.Errorf("record %s", e.Raw)
	}
	for script, want := range map[string]struct {
		status int
		says   string
	}{
		`Go. fake:say:"the key AKIAABCDEFGHIJKLMNOP " stream:9 tool:delete_file{"path":"/"} tool:list_directory{}`: {
			200, "the key [redacted] Refused by Bartizan: Nothing is deleted. (rule asked/no-delete, decision ID). Ask your administrator about this decision. list_directory STOP",
		},
		"FORBIDDEN":  {403, "Refused by Bartizan: We do not ask that. (rule asked/prompt, decision ID). Ask your administrator about this decision."},
		"BETTER NOT": {200, "Refused by Bartizan: Ask something else. (rule asked/gently, decision ID). Ask your administrator about this decision. STOP"},
	} {
		a := call(t, through(script))
		var list []struct {
			genai.GenerateContentResponse
			Error struct{ Message string }
		}
		err := json.Unmarshal([]byte(a.body), &list)
		said := ""
		for _, c := range list {
			said += c.Error.Message
			for _, one := range c.Candidates {
				for _, p := range one.Content.Parts {
					if said += p.Text; p.FunctionCall != nil {
						said += " " + p.FunctionCall.Name
					}
				}
				if one.FinishReason != "" {
					said += " " + string(one.FinishReason)
				}
			}
		}
		if said = strings.Replace(said, a.decision(), "ID", 1); err != nil || a.status != want.status || said != want.says {
			t.Errorf("%s: %d %q, error %v", script, a.status, said, err)
		}
	}

	res, err := http.DefaultClient.Do(through("Go. fake:stream:3 delay:100ms"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	first := make([]byte, 4<<10)
	n, err := res.Body.Read(first)
	rest, _ := io.ReadAll(res.Body)
	if err != nil || !strings.Contains(string(first[:n]), `"word "`) || strings.Contains(string(first[:n]), "STOP") || !strings.HasSuffix(string(rest), "]") {
		t.Errorf("first %s, then %s, error %v", first[:n], rest, err)
	}
}

// geminiPieces: a call whose arguments come in pieces passes as it is, or a text stands in its place: it is judged by what they say together.
func (w *world) geminiPieces(t *testing.T) {
	const file = "gemini-pieces.sse"
	recorded, err := os.ReadFile(recordings + "/" + file)
	if err != nil {
		t.Fatal(err)
	}
	req := w.post(t, "/gemini/v1beta/models/"+geminiModel+":streamGenerateContent?alt=sse", "", `{"contents":[{"parts":[{"text":"fake:play:`+file+`"}]}]}`)
	req.Header.Set("x-goog-api-key", aliceKey)
	if a := call(t, req); a.body != string(recorded) {
		t.Errorf("status %d, not as it was recorded: %s", a.status, a.body)
	}
	client, seen := w.geminiClient(t, "v1beta")
	parts, finish, err := generate(t.Context(), client, true, []*genai.Content{genai.NewContentFromText("fake:play:"+file, genai.RoleUser)})
	text := ""
	for _, p := range parts {
		for _, arg := range p.FunctionCall.PartialArgs {
			text += arg.StringValue
		}
	}
	if err != nil || text != "one two" || finish != genai.FinishReasonStop {
		t.Errorf("%q, finished by %s, error %v, record %s", text, finish, err, w.decision(t, seen.decision).Raw)
	}
	req.Header.Set("x-no-writes", "1")
	if req.Body, err = req.GetBody(); err != nil {
		t.Fatal(err)
	}
	a := call(t, req)
	e := w.decision(t, a.decision())
	if !strings.Contains(a.body, "Nothing is written. (rule asked/no-writes") || strings.Contains(a.body, "functionCall") || !strings.Contains(string(e.Raw), `"withheld":true`) {
		t.Errorf("%d %s, record %s", a.status, a.body, e.Raw)
	}
}
