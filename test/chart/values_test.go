package chart

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestValuesWithoutMeaning(t *testing.T) {
	for name, raw := range map[string]string{
		"no comment":   "# Good.\na: 1\n\nb: 2\n",
		"far above":    "# Not of a.\n\na: 1\n",
		"not YAML":     "# A.\n# @ enum: [x\na: 1\n",
		"inner":        "a:\n  b: 1\n",
		"schema alone": "# @ minimum: 1\na: 1\n",
	} {
		if out, err := Schema([]byte(raw)); err == nil {
			t.Errorf("%s: accepted:\n%s", name, out)
		}
	}
}

func read(t *testing.T, elem ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// current compares a written file with what it should be, or rewrites it.
func current(t *testing.T, path, want string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not current (UPDATE_GOLDEN=1 writes it): %s", path, firstDifference(string(got), want))
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := 0; i < len(g) && i < len(w); i++ {
		if g[i] != w[i] {
			return "line " + itoa(i+1) + "\n  is    " + g[i] + "\n  wanted " + w[i]
		}
	}
	return itoa(len(g)) + " lines, wanted " + itoa(len(w))
}
