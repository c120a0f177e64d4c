package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"

	"bartizan/test/env"
	"bartizan/test/fake"
)

// everywhere is a world whose providers list all that there is, and where nobody may say a word.
func everywhere(t *testing.T) *world {
	t.Helper()
	w := start(t, env.FleetOptions{})
	upstreams := w.policies()["upstreams.yaml"]
	for list, all := range map[string]string{
		"operations: [messages]":         "operations: [messages, 'messages.*', 'files.*', 'skills.*', 'models.*']",
		"operations: [chat.completions]": "operations: [chat.completions, embeddings, 'files.*', 'batches.*', 'models.*']",
	} {
		if !strings.Contains(upstreams, list) {
			t.Fatalf("no %s in %s", list, upstreams)
		}
		upstreams = strings.ReplaceAll(upstreams, list, all)
	}
	w.live(t, map[string]string{"upstreams.yaml": upstreams, "words.yaml": `apiVersion: bartizan/v1
kind: Policy
metadata: { name: words }
spec:
  surface: llm
  rules:
    - { name: forbidden, expression: "block.text.contains('FORBIDDEN')", action: deny, severity: high, reason: We do not say that. }
`})
	return w
}

// through keeps the bodies that an SDK sends.
type through struct{ sent []byte }

func (s *through) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		s.sent, r.Body = body, io.NopCloser(bytes.NewReader(body))
	}
	return http.DefaultTransport.RoundTrip(r)
}

// last is the last request that a fake saw.
func last(t *testing.T, r *fake.Recorder) fake.Request {
	t.Helper()
	all := r.Requests()
	if len(all) == 0 {
		t.Fatal("the upstream saw nothing")
	}
	return all[len(all)-1]
}

func denied(t *testing.T, what string, err error) {
	t.Helper()
	var a *anthropic.Error
	var o *openai.Error
	switch {
	case errors.As(err, &a) && a.StatusCode == http.StatusUnavailableForLegalReasons:
	case errors.As(err, &o) && o.StatusCode == http.StatusUnavailableForLegalReasons:
	default:
		t.Errorf("%s: %v, want it refused", what, err)
	}
}

// TestEverySurface: what goes to a provider beside messages is judged like messages, and what is let on goes on byte for byte.
func TestEverySurface(t *testing.T) {
	w := everywhere(t)
	t.Run("anthropic", func(t *testing.T) { w.anthropicSurfaces(t) })
	t.Run("openai", func(t *testing.T) { w.openAISurfaces(t) })
	t.Run("unlisted", func(t *testing.T) {
		req := w.post(t, "/openai/v1/uploads", bobKey, `{}`)
		name := tagged(req)
		w.expect(t, name, call(t, req), wanted{
			status: 404, protocol: "openai", says: "is the operation uploads.create, which is not among those", outcome: "deny", endedBy: "gateway", kind: "unknown",
		})
	})
}

func (w *world) anthropicSurfaces(t *testing.T) {
	wire := &through{}
	client := anthropic.NewClient(anthropicoption.WithBaseURL(w.URL+"/anthropic"), anthropicoption.WithAPIKey(bobKey), anthropicoption.WithMaxRetries(0),
		anthropicoption.WithHTTPClient(&http.Client{Transport: wire}))
	upload := func(content string) error {
		_, err := client.Beta.Files.Upload(t.Context(), anthropic.BetaFileUploadParams{File: anthropic.File(strings.NewReader(content), "plan.txt", "text/plain")})
		return err
	}
	if err := upload("plan A"); err != nil {
		t.Errorf("upload: %v", err)
	} else if seen := last(t, &w.anthropic.Recorder); seen.Path != "/v1/files" || !bytes.Equal(seen.Body, wire.sent) || !bytes.Contains(seen.Body, []byte("plan A")) {
		t.Errorf("the upstream saw %s with %q, and %q was sent", seen.Path, seen.Body, wire.sent)
	}
	denied(t, "a file", upload("plan B, FORBIDDEN"))

	count := func(text string) error {
		_, err := client.Messages.CountTokens(t.Context(), anthropic.MessageCountTokensParams{
			Model: "claude-sonnet-5", Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(text))},
		})
		return err
	}
	if err := count("Hello."); err != nil {
		t.Errorf("count: %v", err)
	}
	denied(t, "count_tokens", count("FORBIDDEN"))

	batch := func(text string) error {
		_, err := client.Messages.Batches.New(t.Context(), anthropic.MessageBatchNewParams{Requests: []anthropic.MessageBatchNewParamsRequest{{
			CustomID: "c1", Params: anthropic.MessageBatchNewParamsRequestParams{
				Model: "claude-sonnet-5", MaxTokens: 5, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(text))},
			},
		}}})
		return err
	}
	if err := batch("Hello."); err != nil {
		t.Errorf("batch: %v", err)
	}
	denied(t, "a batch", batch("FORBIDDEN"))

	if models, err := client.Models.List(t.Context(), anthropic.ModelListParams{}); err != nil || len(models.Data) != 1 {
		t.Errorf("models: %v", err)
	}
	_, err := client.Beta.Files.Download(t.Context(), "file-fake", anthropic.BetaFileDownloadParams{})
	denied(t, "a file's content", err)
}

func (w *world) openAISurfaces(t *testing.T) {
	wire := &through{}
	client := openai.NewClient(openaioption.WithBaseURL(w.URL+"/openai/v1"), openaioption.WithAPIKey(bobKey), openaioption.WithMaxRetries(0),
		openaioption.WithHTTPClient(&http.Client{Transport: wire}))
	upload := func(content string, purpose openai.FilePurpose) error {
		_, err := client.Files.New(t.Context(), openai.FileNewParams{File: openai.File(strings.NewReader(content), "plan.txt", "text/plain"), Purpose: purpose})
		return err
	}
	line := func(text string) string {
		return fmt.Sprintf(`{"custom_id":"c1","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-5.5","messages":[{"role":"user","content":%q}]}}`, text)
	}
	for _, c := range []struct {
		purpose   openai.FilePurpose
		good, bad string
	}{
		{openai.FilePurposeUserData, "plan A", "plan B, FORBIDDEN"},
		{openai.FilePurposeBatch, line("Hello."), line("Hello.") + "\n" + strings.Replace(line("FORBIDDEN"), "FORB", `\u0046ORB`, 1)},
	} {
		if err := upload(c.good, c.purpose); err != nil {
			t.Errorf("upload: %v", err)
		} else if seen := last(t, &w.openAI.Recorder); seen.Path != "/v1/files" || !bytes.Equal(seen.Body, wire.sent) || !bytes.Contains(seen.Body, []byte(c.good)) {
			t.Errorf("the upstream saw %s with %q, and %q was sent", seen.Path, seen.Body, wire.sent)
		}
		denied(t, string(c.purpose), upload(c.bad, c.purpose))
	}
	if _, err := client.Batches.New(t.Context(), openai.BatchNewParams{InputFileID: "file-fake", Endpoint: "/v1/chat/completions", CompletionWindow: "24h"}); err != nil {
		t.Errorf("batch: %v", err)
	}
	if models, err := client.Models.List(t.Context()); err != nil || len(models.Data) == 0 {
		t.Errorf("models: %v", err)
	}
	_, err := client.Files.Content(t.Context(), "file-fake")
	denied(t, "a file's content", err)
}
