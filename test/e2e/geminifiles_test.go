package e2e

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genai"

	"bartizan/test/fake"
)

// addresses keeps where answers lead the client.
type addresses struct {
	witness
	led []string
}

func (a *addresses) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := a.witness.RoundTrip(r)
	if res != nil {
		a.led = append(a.led, slices.Concat(res.Header.Values("X-Goog-Upload-Url"), res.Header.Values("X-Goog-Upload-Control-Url"))...)
	}
	return res, err
}

// geminiFiles: Google's own SDK uploads a file in two pieces, lists it, gets it and deletes it, all of it through the gateway; a file that a rule is
// about never gets there.
func (w *world) geminiFiles(t *testing.T, vendor *fake.Vendor) {
	vendor.Reset()
	seen := &addresses{}
	client, err := genai.NewClient(t.Context(), &genai.ClientConfig{
		APIKey: aliceKey, Backend: genai.BackendGeminiAPI, HTTPClient: &http.Client{Transport: seen}, HTTPOptions: genai.HTTPOptions{BaseURL: w.URL + "/gemini"},
	})
	if err != nil {
		t.Fatal(err)
	}
	plan := append(bytes.Repeat([]byte("plan A\n"), 8<<20/7), "\xff\x00, the last of it"...) // a little more than a piece of the SDK's
	file, err := client.Files.Upload(t.Context(), bytes.NewReader(plan), &genai.UploadFileConfig{MIMEType: "text/plain", DisplayName: "plan"})
	if err != nil {
		t.Fatal(err)
	}
	if *file.SizeBytes != int64(len(plan)) || file.MIMEType != "text/plain" || file.DisplayName != "plan" {
		t.Errorf("uploaded %+v", file)
	}
	var arrived []byte
	for _, q := range vendor.Requests() {
		if q.Query != "" {
			arrived = append(arrived, q.Body...)
		}
	}
	if !bytes.Equal(arrived, plan) {
		t.Errorf("%d bytes arrived of %d", len(arrived), len(plan))
	}
	if len(seen.led) != 2 || !strings.HasPrefix(seen.led[0], w.URL+"/gemini/upload/v1beta/files?upload_id=AH") || seen.led[1] != seen.led[0] {
		t.Errorf("led to %q", seen.led)
	}
	if r := factOf(t, w.decision(t, seen.decision)); r.API.Operation != "files.create" || r.Unmapped.Bartizan.Request.Size != int64(len(plan)-8<<20) {
		t.Errorf("record %s", r.Raw)
	}
	w.geminiFileDenied(t, client, vendor, seen)

	files, err := client.Files.List(t.Context(), nil)
	if err != nil || len(files.Items) != 1 || files.Items[0].Name != file.Name {
		t.Errorf("files %+v, error %v", files, err)
	}
	if got, err := client.Files.Get(t.Context(), file.Name, nil); err != nil || got.URI != file.URI {
		t.Errorf("file %+v, error %v", got, err)
	}
	if _, err := client.Files.Delete(t.Context(), file.Name, nil); err != nil {
		t.Error(err)
	}
	if files, err := client.Files.List(t.Context(), nil); err != nil || len(files.Items) != 0 {
		t.Errorf("files %+v, error %v", files, err)
	}
	if models, err := client.Models.List(t.Context(), nil); err != nil || len(models.Items) != 1 {
		t.Errorf("models %+v, error %v", models, err)
	}
	for _, q := range vendor.Requests() { // which only Envoy knows
		if !slices.Equal(q.Header.Values("X-Goog-Api-Key"), []string{openAIKey}) {
			t.Errorf("%s %s came past the gateway", q.Method, q.Path)
		}
	}
}

func (w *world) geminiFileDenied(t *testing.T, client *genai.Client, vendor *fake.Vendor, seen *addresses) {
	before := seen.tries
	_, err := client.Files.Upload(t.Context(), strings.NewReader("plan B, FORBIDDEN"), &genai.UploadFileConfig{MIMEType: "text/plain"})
	var api genai.APIError
	if !errors.As(err, &api) || api.Code != 403 || !strings.Contains(api.Message, "That stays here. (rule asked/papers") {
		t.Errorf("denied: %v", err)
	}
	if seen.tries != before+2 {
		t.Errorf("%d tries of the bytes", seen.tries-before-1)
	}
	if q := last(t, &vendor.Recorder); q.Query != "" {
		t.Errorf("the upstream saw %q", q.Body)
	}
	if e := w.decision(t, seen.decision); e.Own().Outcome != "deny" {
		t.Errorf("record %s", e.Raw)
	}
}
