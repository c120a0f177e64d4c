// Package codectest holds codecs to their contract with data: whoever adds a dialect writes samples, not tests.
//
// In testdata of the package under test stand requests/NAME.json and answers/NAME.STATUS.EXT (json, sse, frames or txt: the media
// type; frames are written as text); beside each a golden of what the codec makes of it, and refusals.golden, treated.golden and judged.golden. UPDATE_GOLDEN=1 rewrites them, and a golden
// without its sample fails. It is for tests only; its failures are the test's.
package codectest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bartizan/filters"

	"github.com/google/go-cmp/cmp"
)

// route is the route of all samples.
var route = filters.Route{Name: "llm/test", Surface: filters.SurfaceLLM, Target: "test", Dialect: "test", Operation: "test"}

// Run runs everything there is for a codec that does not look at the path.
func Run(t *testing.T, codec filters.Codec) { Suite{Codec: codec}.Run(t) }

// Suite is what is tested: a codec, or one of its operations where they differ.
type Suite struct {
	Codec     filters.Codec
	Dir       string // of the samples; empty: testdata
	Operation string // of the exchange; empty: "test"
	Path      string // of the request

	Judged bool                      // answers are judged
	Check  func(passed []byte) error // of an answer that was changed: whether it is well formed; nil: not checked
}

// Run runs everything there is.
func (s Suite) Run(t *testing.T) {
	t.Run("requests", s.requests)
	t.Run("remembered", s.remembered)
	t.Run("mixed", s.mixed)
	t.Run("forgets", s.forgets)
	t.Run("treatments", s.treatments)
	t.Run("answers", s.answers)
	t.Run("cuts", s.cuts)
	if s.Judged {
		t.Run("judged", s.judged)
	}
	t.Run("refusals", s.refusals)
}

// exchange is a new one for any sample.
func (s Suite) exchange() *filters.Exchange {
	x := &filters.Exchange{Route: route, Request: filters.Request{Path: s.Path}}
	if s.Operation != "" {
		x.Route.Operation = s.Operation
	}
	return x
}

// path is where a file of the samples is.
func (s Suite) path(name string) string {
	if s.Dir == "" {
		return filepath.Join("testdata", name)
	}
	return filepath.Join(s.Dir, name)
}

// samples yields the samples of a folder by name, and fails for goldens without one.
func (s Suite) samples(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.path(dir), "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples in %s: %v", dir, err)
	}
	found := map[string][]byte{}
	for _, f := range files {
		if sample, golden := strings.CutSuffix(f, ".golden"); golden {
			if _, err := os.Stat(sample); err != nil {
				t.Errorf("golden without a sample: %v", err)
			}
			continue
		}
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(f) == ".frames" {
			data = frames(t, data)
		}
		found[f] = data
	}
	return found
}

// golden compares got with the file, or writes it.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s:\n%s", file, cmp.Diff(string(want), string(got)))
	}
}
