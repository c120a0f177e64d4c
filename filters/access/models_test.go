package access

import (
	"strings"
	"testing"

	"bartizan/filters"
	"bartizan/filters/manifest"
)

func decodeModels(t *testing.T, text string) (docs []*ModelAccess, errs manifest.Errors) {
	t.Helper()
	parsed, errs := manifest.Parse("m.yaml", []byte(text))
	for _, doc := range parsed {
		one, bad := DecodeModels(doc)
		errs = append(errs, bad...)
		if one != nil {
			docs = append(docs, one)
		}
	}
	return docs, errs
}

func newModels(t *testing.T, text string) *Models {
	t.Helper()
	docs, errs := decodeModels(t, text)
	m, more := NewModels(docs, map[string]string{"anthropic": "anthropic", "openai": "openai", "gemini": "gemini"})
	if errs = append(errs, more...); errs.Err() != nil {
		t.Fatal(errs)
	}
	return m
}

func asks(provider, group string, models ...string) *filters.Exchange {
	return &filters.Exchange{
		Route:    filters.Route{Surface: filters.SurfaceLLM, Target: provider},
		Identity: filters.Identity{Method: "virtual_key", User: "ann", Groups: []string{group}},
		LLM:      &filters.LLM{Provider: provider, Model: models[0], Models: models},
	}
}

const modelDocs = `
apiVersion: bartizan/v1
kind: ModelAccess
metadata: { name: small }
spec: { providers: [anthropic], models: ["claude-haiku-*", claude-sonnet-5] }
---
apiVersion: bartizan/v1
kind: ModelAccess
metadata: { name: engineers }
spec:
  models: [claude-opus-5-5, "*/gpt-*:free"]
  expression: "'engineering' in identity.groups"
  reason: Ask in the channel of the AI platform.
---
apiVersion: bartizan/v1
kind: ModelAccess
metadata: { name: broken }
spec: { providers: [openai], models: ["*"], expression: "request.headers['x-absent'] == 'a'" }
`

func TestModels(t *testing.T) {
	m := newModels(t, modelDocs)
	for _, c := range []struct {
		provider, group string
		models          []string
		refused         string // the beginning of the reason; empty: admitted
	}{
		{"anthropic", "finance", []string{"claude-haiku-5-5"}, ""},
		{"anthropic", "finance", []string{"claude-sonnet-5", "claude-haiku-5-5"}, ""},
		{"anthropic", "finance", []string{"claude-sonnet-5-20260801"}, `the model "claude-sonnet-5-20260801" is not among`},
		{"anthropic", "finance", []string{"Claude-Haiku-5-5"}, `the model "Claude-Haiku-5-5" is not`},
		{"anthropic", "finance", []string{"claude-sonnet-5", "claude-opus-5-5"}, `the model "claude-opus-5-5" is not among those that you may use at provider anthropic. Ask in the channel`},
		{"anthropic", "finance", []string{"claude-sonnet-5", "default"}, `the model "default" is not`},
		{"anthropic", "engineering", []string{"claude-opus-5-5", "claude-haiku-5-5"}, ""},
		{"gemini", "engineering", []string{"gemini-3.8-flash"}, `the model "gemini-3.8-flash" is not`},
		{"gemini", "engineering", []string{"openai/gpt-5.2:free"}, ""},
		{"gemini", "engineering", []string{"openai/gpt-5.2:online"}, `the model "openai/gpt-5.2:online" is not`},
		{"openai", "finance", []string{"gpt-5.2"}, `whether you may use the model "gpt-5.2" at provider openai could not be found out.`},
	} {
		d := m.Judge(asks(c.provider, c.group, c.models...))
		if c.refused == "" {
			if d.Action != filters.ActionAllow || d.Verdicts != nil {
				t.Errorf("%s %s %q: %+v", c.provider, c.group, c.models, d)
			}
			continue
		}
		if d.Action != filters.ActionDeny || d.Deciding == nil || len(d.Verdicts) != 1 || !strings.HasPrefix(d.Deciding.Reason, c.refused) {
			t.Errorf("%s %s %q: %+v", c.provider, c.group, c.models, d)
		}
		if failed := d.Deciding.Outcome == filters.Failed && d.Deciding.Error != ""; failed != strings.HasPrefix(c.refused, "whether") {
			t.Errorf("%+v", d.Deciding)
		}
	}
}

func TestNoModelAccess(t *testing.T) {
	none, errs := NewModels(nil, nil)
	if errs.Err() != nil {
		t.Fatal(errs)
	}
	for _, m := range []*Models{none, {}} {
		if d := m.Judge(asks("anthropic", "finance", "whatever")); d.Action != filters.ActionAllow {
			t.Error(d)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern string
		yes, no []string
	}{
		{"a", []string{"a"}, []string{"", "aa", "b"}},
		{"*", []string{"", "a", "a/b:c"}, nil},
		{"a*", []string{"a", "ab"}, []string{"", "ba"}},
		{"*a", []string{"a", "ba", "aa"}, []string{"", "ab"}},
		{"a*b*a", []string{"aba", "abba", "abaa", "axbxa"}, []string{"a", "aba-", "ab", "aa", "ba"}},
		{"a*a", []string{"aa", "aba"}, []string{"a"}},
	} {
		for _, name := range c.yes {
			if !matches(c.pattern, name) {
				t.Errorf("%s does not match %q", c.pattern, name)
			}
		}
		for _, name := range c.no {
			if matches(c.pattern, name) {
				t.Errorf("%s matches %q", c.pattern, name)
			}
		}
	}
}

// TestShown: a list shows what may be used, asks each expression once, and says which could not be asked.
func TestShown(t *testing.T) {
	m := newModels(t, modelDocs)
	for _, c := range []struct {
		provider, group, want string
		flagged               bool
	}{
		{"anthropic", "finance", "claude-haiku-5-5", false},
		{"anthropic", "engineering", "claude-haiku-5-5 claude-opus-5-5", false},
		{"gemini", "finance", "", false},
		{"openai", "engineering", "claude-opus-5-5", true}, // one document admits it, another cannot be asked
	} {
		x := asks(c.provider, c.group, "")
		x.Route.Operation, x.LLM.Model, x.LLM.Models = "models.list", "", nil
		d := m.Judge(x)
		if flagged := d.Action == filters.ActionFlag && d.Deciding.Outcome == filters.Failed && d.Deciding.Error != ""; flagged != c.flagged || !flagged && d.Verdicts != nil {
			t.Errorf("%s, %s: %+v", c.provider, c.group, d)
		}
		var shown []string
		admits := m.Shown(x)
		for _, model := range []string{"claude-haiku-5-5", "claude-opus-5-5", "gpt-5.2"} {
			if admits(model) {
				shown = append(shown, model)
			}
		}
		if got := strings.Join(shown, " "); got != c.want {
			t.Errorf("%s, %s: %s", c.provider, c.group, got)
		}
	}
	if (&Models{}).Shown(asks("anthropic", "finance", "")) != nil {
		t.Error("without a document a list is held")
	}
}
