package manifest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shape has a field of every type that Decode knows.
type shape struct {
	Place   Position         `yaml:"-"`
	Plain   String           `yaml:"plain"`
	Text    string           `yaml:"text"`
	Number  int              `yaml:"number"`
	Octal   int64            `yaml:"octal"`
	Tiny    int8             `yaml:"tiny"`
	Wait    time.Duration    `yaml:"wait"`
	List    []string         `yaml:"list"`
	On      bool             `yaml:"on"`
	Free    any              `yaml:"free"`
	Table   map[string]inner `yaml:"table"`
	Pointer *inner           `yaml:"pointer"`
	Nothing string           `yaml:"nothing"`
}

type inner struct {
	Inner int `yaml:"inner"`
}

// TestBad holds the exact errors of every *.bad.yaml. UPDATE_GOLDEN=1 rewrites them.
func TestBad(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.bad.yaml")
	if goldens, _ := filepath.Glob("testdata/*.errors"); len(goldens) != len(files) || len(files) == 0 {
		t.Errorf("%d files and %d goldens", len(files), len(goldens))
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			docs, errs := Parse(filepath.Base(path), data)
			for _, doc := range docs {
				errs = append(errs, doc.Decode(&shape{})...)
			}
			errs.Sort()
			golden(t, strings.TrimSuffix(path, ".yaml")+".errors", errs.Error()+"\n")
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestGood(t *testing.T) {
	data, err := os.ReadFile("testdata/shapes.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	docs, errs := Parse("f", data)
	if errs != nil || len(docs) != 2 {
		t.Fatalf("%d documents, %v", len(docs), errs)
	}
	if got, want := docs[1].NameText().String(), "f:16:9"; got != want {
		t.Errorf("second document's name at %s, want %s", got, want)
	}
	want := []shape{
		{
			Place: Position{"f", 5, 3}, Plain: String{Value: "identity.user == 'ann'", Position: Position{"f", 5, 10}}, Number: 42,
			Wait: 90 * time.Second, List: []string{"a", "b", "c"}, On: true, Text: "default",
			Free: map[string]any{"deep": []any{int64(1), 2.5, nil, "yes", true}},
		},
		{Place: Position{"f", 18, 3}, Text: "default", Table: map[string]inner{"x": {7}}},
	}
	for i, doc := range docs {
		got := shape{Text: "default"}
		if errs := doc.Decode(&got); errs != nil {
			t.Fatal(errs)
		}
		if diff := cmp.Diff(want[i], got); diff != "" {
			t.Errorf("document %d (-want +got):\n%s", i, diff)
		}
	}
}

// TestAt points at the character ^ of each scalar, however it is written. The wanted place is where ^ stands in the file.
func TestAt(t *testing.T) {
	for name, spec := range map[string]string{
		"plain":            "  v: abc^d",
		"plain multi-line": "  v: ab\n\n\n    cd   \n    e^f",
		"non-ASCII":        "  v: éüλ😀^d",
		"single":           "  v: 'it''s''^'",
		"single folded":    "  v: 'a\n    b\n\n    c''d^e'",
		"double":           `  v: "a\"b\x41\u0041\U00000041\n^d"`,
		"double folded":    "  v: \"a  \n    b^c\"",
		"double escaped":   "  v: \"a\\\n    b^c\"",
		"flow mapping":     "  { v: 'ab^c' }",
		"literal":          "  v: |\n    ab\n      c^d",
		"literal blank":    "  v: |-\n\n    ab\n\n    é^d",
		"literal indicator": "  v: |1\n    ab\n" +
			"    c^d",
		"CRLF": "  v: |\r\n    ab\r\n    c^d\r\n",
		"BOM":  "  v: abc^d",
	} {
		t.Run(name, func(t *testing.T) {
			file := "apiVersion: bartizan/v1\nkind: K\nmetadata: { name: n }\nspec:\n" + spec + "\n"
			if name == "BOM" {
				file = "\ufeff" + file
			}
			got, v := caret(t, file)
			if want := place(strings.TrimPrefix(file, "\ufeff"), "^"); got != want {
				t.Errorf("%q: ^ at %v, want %v", v.Value, got, want)
			}
		})
	}
}

func place(file, of string) Position {
	before, _, _ := strings.Cut(file, of)
	line := strings.Count(before, "\n")
	return Position{"f", line + 1, len([]rune(before[strings.LastIndex(before, "\n")+1:])) + 1}
}

func caret(t *testing.T, file string) (Position, String) {
	t.Helper()
	docs, errs := Parse("f", []byte(file))
	if errs != nil {
		t.Fatal(errs)
	}
	var spec struct {
		V String `yaml:"v"`
	}
	if errs := docs[0].Decode(&spec); errs != nil {
		t.Fatal(errs)
	}
	at := place(spec.V.Value, "^")
	return spec.V.At(at.Line, at.Column-1), spec.V
}

func TestAtFoldedIsTheStart(t *testing.T) {
	got, _ := caret(t, "apiVersion: bartizan/v1\nkind: K\nmetadata: { name: n }\nspec:\n  v: >\n    ab\n    c^d\n")
	if want := (Position{"f", 5, 6}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLimits(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"size":  {strings.Repeat(" ", MaxFileBytes+1), "f:1:1: file of 1048577 bytes is over the limit of 1048576"},
		"flow":  {"a: " + strings.Repeat("[", 500) + strings.Repeat("]", 500), "exceeded max depth"},
		"block": {"a:\n" + strings.Repeat("- ", MaxDepth+1) + "x", "exceeded max depth"},
		"mixed": {strings.Repeat("- ", 20) + strings.Repeat("[", 20) + strings.Repeat("]", 20), "nested deeper than 32"},
	} {
		if _, errs := Parse("f", []byte(c.file)); !strings.Contains(errs.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, errs, c.want)
		}
	}
	_, errs := Parse("f", []byte(strings.Repeat("a: 1\n", 5000)))
	if len(errs) != MaxErrors {
		t.Errorf("%d errors, want %d", len(errs), MaxErrors)
	}
}

// TestLongScalars holds that places are found in one pass: with two, each of these would take minutes.
func TestLongScalars(t *testing.T) {
	const long = MaxFileBytes / 8
	for name, scalar := range map[string]string{
		"single":        "'" + strings.Repeat("''", long) + "^'",
		"double":        `"` + strings.Repeat(`\x41`, long) + `^"`,
		"blanks":        "'" + strings.Repeat(" ", long) + "^'",
		"blank lines":   "'a" + strings.Repeat("\n", long) + "   ^'",
		"escaped lines": `"` + strings.Repeat("\\\n", long) + `   ^"`,
		"folded":        "a" + strings.Repeat("\n   a", long) + "\n   ^",
		"literal":       "|\n    a" + strings.Repeat("\n", long) + "    ^",
	} {
		file := "apiVersion: bartizan/v1\nkind: K\nmetadata: { name: n }\nspec:\n  v: " + scalar + "\n"
		if got, _ := caret(t, file); got != place(file, "^") {
			t.Errorf("%s: ^ at %v, want %v", name, got, place(file, "^"))
		}
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"expression", "action", "severity", "reason", "name", "on"}
	for word, want := range map[string]string{
		"expresion": `did you mean "expression"?`,
		"acton":     `did you mean "action"?`,
		"Name":      `did you mean "name"?`,
		"nam":       `did you mean "name"?`,
		"xylophone": "one of expression, action, severity, reason, name, on",
	} {
		if got := Suggest(word, known); got != want {
			t.Errorf("%s: %s, want %s", word, got, want)
		}
	}
}

// TestSuggestAlike: of words that are too many to list, those are that share a part.
func TestSuggestAlike(t *testing.T) {
	known := []string{"chat.completions", "tools/call", "tools/list"}
	for i := range maxSuggestions {
		known = append(known, fmt.Sprintf("resources/%d", i), "other")
	}
	for word, want := range map[string]string{
		"chat": "such as chat.completions", "tools/execute": "such as tools/call, tools/list", "resources/x": `did you mean "resources/0"?`,
		"xylophone": "", "/.": "",
	} {
		if got := Suggest(word, known); got != want {
			t.Errorf("%s: %s, want %s", word, got, want)
		}
	}
}

// FuzzParse: no bytes panic, errors point into the file, and every character of a scalar stands within it.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, path := range files {
		data, _ := os.ReadFile(path)
		f.Add(string(data))
	}
	f.Add("apiVersion: bartizan/v1\nkind: K\nmetadata: {name: n}\nspec: {plain: \"a\\\n  b\\x41\"}\n")
	f.Fuzz(func(t *testing.T, data string) {
		docs, errs := Parse("f", []byte(data))
		lines := strings.Split(data, "\n")
		for _, doc := range docs {
			var s shape
			errs = append(errs, doc.Decode(&s)...)
			if p := s.Plain.At(1, 0); s.Plain.Line > 0 && (p.Line < s.Plain.Line || p.Line > len(lines)) {
				t.Errorf("%q: first character at %v, scalar at %v", s.Plain.Value, p, s.Plain.Position)
			}
		}
		for _, e := range errs {
			if e.Line < 1 || e.Line > len(lines)+1 || e.Column < 1 {
				t.Errorf("error outside of the file: %v", e)
			}
		}
	})
}
