package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bartizan/test/corpus"
)

// corpusDecision is the decision that the goldens of the corpus name.
const corpusDecision = "01900000-0000-7000-8000-000000000001"

// unrouted are requests of the corpus that the codec does not see: Envoy has a route for POST, GET and DELETE alone.
var unrouted = []string{"put"}

// TestCorpus: what the codec refuses is refused through Envoy in the same words, and goes no further. What it admits reaches the server
// as it was sent.
func TestCorpus(t *testing.T) {
	const folder = "../corpus/mcp/"
	paths, err := filepath.Glob(folder + "*.http")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d files, error %v", len(paths), err)
	}
	for _, path := range paths {
		file, err := corpus.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		golden, err := os.ReadFile(folder + file.Name + ".golden")
		if err != nil {
			t.Fatal(err)
		}
		t.Run(file.Name, func(t *testing.T) {
			shared.replay(t, file, string(golden))
		})
	}
}

// replay sends a request of the corpus and compares what comes of it.
func (w *world) replay(t *testing.T, file corpus.File, golden string) {
	t.Helper()
	method, path, headers := file.Request()
	req, err := http.NewRequestWithContext(t.Context(), method, w.URL+path, bytes.NewReader(file.Body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("content-type", "application/json")
	req.Header.Set("accept", "application/json, text/event-stream")
	req.Header.Set("x-api-key", bobKey)
	name := tagged(req)
	a := call(t, req)
	kind, want, _ := strings.Cut(golden, "\n")
	switch kind, refused := strings.CutPrefix(kind, "refused: "); {
	case slices.Contains(unrouted, file.Name):
		w.expect(t, name, a, wanted{status: 404, protocol: "plain", says: "no route for " + method, outcome: "deny", endedBy: "gateway", kind: "unknown"})
	case refused:
		w.refused(t, name, a, kind, strings.ReplaceAll(want, corpusDecision, a.decision()))
	default:
		w.carried(t, name, a, file.Body)
	}
}

func (w *world) carried(t *testing.T, name string, a answer, body []byte) {
	t.Helper()
	seen := w.upstreamOf(name)
	if a.err != nil || len(seen) != 1 || !bytes.Equal(seen[0].Body, body) {
		t.Fatalf("%d %s (%v); the server saw %d", a.status, a.body, a.err, len(seen))
	}
	if r := w.recordOf(t, name); r.Own().Outcome != "allow" || r.Unmapped.Bartizan.EndedBy != "upstream" {
		t.Errorf("record %s", r.Raw)
	}
}

// refused compares an answer with the one of a golden: a line with the status, headers, a blank line and the body.
func (w *world) refused(t *testing.T, name string, a answer, kind, want string) {
	t.Helper()
	head, body, _ := strings.Cut(want, "\n\n")
	lines := strings.Split(head, "\n")
	for _, line := range lines[1:] {
		if field, value, _ := strings.Cut(line, ": "); a.header.Get(field) != value {
			t.Errorf("%s: %q, want %q", field, a.header.Get(field), value)
		}
	}
	if strings.TrimSuffix(body, "\n") != a.body {
		t.Errorf("got  %s\nwant %s", a.body, body)
	}
	var status int
	if _, err := fmt.Sscanf(lines[0], "HTTP %d", &status); err != nil {
		t.Fatal(err)
	}
	w.expect(t, name, a, wanted{status: status, protocol: "mcp", outcome: "deny", endedBy: "gateway", kind: kind})
}
