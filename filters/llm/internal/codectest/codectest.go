// Package codectest holds codecs to their contract with data: whoever adds a dialect writes samples, not tests.
//
// In testdata of the package under test stand requests/NAME.json and answers/NAME.STATUS.EXT (json, sse or txt: the media
// type); beside each a golden of what the codec makes of it, and refusals.golden. UPDATE_GOLDEN=1 rewrites them, and a golden
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

// Run runs everything there is.
func Run(t *testing.T, codec filters.Codec) {
	t.Run("requests", func(t *testing.T) { requests(t, codec) })
	t.Run("answers", func(t *testing.T) { answers(t, codec) })
	t.Run("cuts", func(t *testing.T) { cuts(t, codec) })
	t.Run("refusals", func(t *testing.T) { refusals(t, codec) })
}

// samples yields the samples of a folder by name, and fails for goldens without one.
func samples(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*"))
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
