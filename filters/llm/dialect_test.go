package llm

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bartizan/filters"
)

func TestDialects(t *testing.T) {
	if diff := cmp.Diff([]string{"anthropic", "bedrock", "gemini", "openai"}, Dialects()); diff != "" {
		t.Error(diff)
	}
	methods := []string{http.MethodPost, http.MethodGet, http.MethodDelete}
	for _, name := range Dialects() {
		d, ok := Lookup(name)
		codec, found := Codec(name)
		if !ok || !found || codec == nil || d.Codec != codec || d.Name != name || len(d.Operations) == 0 {
			t.Errorf("%s: incomplete: %+v", name, d)
		}
		if d.CredentialHeader == "" || d.CredentialHeader != strings.ToLower(d.CredentialHeader) {
			t.Errorf("%s: credential header %q", name, d.CredentialHeader)
		}
		for _, o := range d.Operations {
			if got, ok := d.Operation(o.Name); !ok || got != o || !strings.HasPrefix(o.Path, "/") || !slices.Contains(methods, o.Method) {
				t.Errorf("%s: operation %+v", name, o)
			}
		}
	}
}

// nobody may use any model.
type nobody struct{}

func (nobody) Shown(*filters.Exchange) func(string) bool { return func(string) bool { return false } }

// TestShowing: wherever models can be listed, the list shows what is admitted.
func TestShowing(t *testing.T) {
	for _, name := range Dialects() {
		d, _ := Lookup(name)
		if _, lists := d.Operation("models.list"); !lists {
			continue
		}
		x := &filters.Exchange{Route: filters.Route{Operation: "models.list"}, Response: filters.Response{Status: 200, MediaType: "application/json"}}
		r, err := Showing(d.Codec, nobody{}).Response(x, nil)
		if err != nil {
			t.Fatal(name, err)
		}
		early, err := r.Write([]byte(`{"data":[{"id":"a"}]}`))
		last, errClose := r.Close()
		if got := string(early) + string(last); got != `{"data":[]}` || err != nil || errClose != nil {
			t.Errorf("%s: %s, error %v, %v", name, got, err, errClose)
		}
	}
}

func TestUnknown(t *testing.T) {
	for _, name := range []string{"", "Anthropic", "Gemini"} {
		if c, ok := Codec(name); ok || c != nil || slices.Contains(Dialects(), name) {
			t.Errorf("there is a codec %q", name)
		}
	}
	d, _ := Lookup("anthropic")
	if _, ok := d.Operation("complete"); ok {
		t.Error("complete is judged by nobody, and yet an operation")
	}
}

func TestMatch(t *testing.T) {
	d, _ := Lookup("anthropic")
	for pattern, want := range map[string]int{
		"messages": 1, "messages.*": 7, "messages.batches.*": 6, "files.*": 5, "files": 0, "*": 0, ".*": 0, "files.x": 0, "mess*": 0, "": 0,
	} {
		if got := d.Match(pattern); len(got) != want {
			t.Errorf("%s: %v", pattern, got)
		}
	}
	if got := d.Groups(); !slices.Contains(got, "skills.versions.*") || !slices.Contains(got, "files.*") {
		t.Errorf("groups %v", got)
	}
}

// TestAt: each path with any words in the place of its variables is that of its operation and of no other.
func TestAt(t *testing.T) {
	for _, name := range Dialects() {
		d, _ := Lookup(name)
		for _, o := range d.Operations {
			path := variables.ReplaceAllStringFunc(o.Path, func(v string) string {
				word, _, _ := strings.Cut(strings.Trim(v, "{}"), "|") // one of the words, or the name of the variable
				return word
			})
			if got, ok := d.At(o.Method, path); !ok || got != o {
				t.Errorf("%s %s is %+v, want %s", o.Method, path, got, o.Name)
			}
			for _, other := range []string{path + "/", path + "/x", "/x" + path, path[1:]} {
				if got, ok := d.At(o.Method, other); ok && got.Name == o.Name {
					t.Errorf("%s is taken for %s", other, got.Name)
				}
			}
			if got, ok := d.At("PATCH", path); ok {
				t.Errorf("PATCH %s is %s", path, got.Name)
			}
		}
	}
}
