package fake_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"bartizan/test/fake"
)

// TestGemini: each event of a stream is a whole response, the last one has the finish reason, and a call is told with its arguments.
func TestGemini(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	v, err := fake.StartGemini(ctx, fake.Options{Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	type response struct {
		Candidates []struct {
			Content struct {
				Parts []struct {
					Text         string
					FunctionCall *struct {
						Name string
						Args map[string]any
					}
				}
			}
			FinishReason string
		}
		UsageMetadata struct{ TotalTokenCount int }
	}
	ask := func(method, body string) io.ReadCloser {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.URL()+"/v1beta/models/gemini-3:"+method, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("x-goog-api-key", "k")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != http.StatusOK {
			body, _ := io.ReadAll(res.Body)
			t.Fatalf("%d %s", res.StatusCode, body)
		}
		return res.Body
	}
	body := ask("streamGenerateContent?alt=sse", `{"contents":[{"role":"user","parts":[{"text":"fake:say:\"one two\" tool:read{\"path\":\"/a\"}"}]}]}`)
	defer body.Close()
	text, called, finished := "", "", 0
	for lines := bufio.NewScanner(body); lines.Scan(); {
		data, is := strings.CutPrefix(lines.Text(), "data: ")
		if !is {
			continue
		}
		var r response
		if err := json.Unmarshal([]byte(data), &r); err != nil {
			t.Fatal(err)
		}
		for _, p := range r.Candidates[0].Content.Parts {
			text += p.Text
			if p.FunctionCall != nil {
				called += p.FunctionCall.Name + " " + p.FunctionCall.Args["path"].(string)
			}
		}
		if r.Candidates[0].FinishReason == "STOP" {
			finished++
		}
	}
	if text != "one two" || called != "read /a" || finished != 1 {
		t.Errorf("text %q, called %q, finished %d times", text, called, finished)
	}
	whole := ask("generateContent", `{"contents":[{"role":"user","parts":[{"text":"fake:say:\"x\""}]}],"generationConfig":{"responseMimeType":"application/json"}}`)
	defer whole.Close()
	var r response
	if err := json.NewDecoder(whole).Decode(&r); err != nil || !json.Valid([]byte(r.Candidates[0].Content.Parts[0].Text)) || r.UsageMetadata.TotalTokenCount == 0 {
		t.Errorf("error %v, %+v", err, r)
	}
}
