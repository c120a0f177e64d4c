package llm

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDialects(t *testing.T) {
	if diff := cmp.Diff([]string{"anthropic", "bedrock", "gemini", "openai"}, Dialects()); diff != "" {
		t.Error(diff)
	}
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
			if got, ok := d.Operation(o.Name); !ok || got != o || !strings.HasPrefix(o.Path, "/") || o.Method != http.MethodPost {
				t.Errorf("%s: operation %+v", name, o)
			}
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
	if _, ok := d.Operation("count_tokens"); ok {
		t.Error("count_tokens is judged by nobody, and yet an operation")
	}
}
