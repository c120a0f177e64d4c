package gemini

import (
	"strings"
	"testing"
)

// TestPieces: what clients make of the pieces of a call's arguments, and what is of no one meaning.
func TestPieces(t *testing.T) {
	text := func(path, text string) string { return `{"jsonPath":"` + path + `","stringValue":"` + text + `"}` }
	more := func(path, text string) string {
		return `{"jsonPath":"` + path + `","stringValue":"` + text + `","willContinue":true}`
	}
	for _, c := range []struct {
		name, want string // want is an error where it is no object
		in         []string
	}{
		{"nothing", `{}`, nil},
		{"an empty list", `{}`, []string{`[]`}},
		{"a text in pieces", `{"c":"rm -rf"}`, []string{`[` + more("$.c", "rm") + `,` + more("$.c", " -") + `]`, `[` + text("$.c", "rf") + `]`}},
		{"a text that ends by itself", `{"c":"rm"}`, []string{`[` + more("$.c", "rm") + `]`, `[{"jsonPath":"$.c"}]`}},
		{
			"all kinds", `{"a":{"b":["x",{"c":"caf\u00e9"}],"d e":null},"n":1.50,"t":true}`,
			[]string{`{"json_path":"$.a.b[0]","string_value":"x"}`, `[` + text("$.a.b[1].c", `caf\u00e9`) + `,{"jsonPath":"$['a'][\"d e\"]","nullValue":"NULL_VALUE"},` +
				`{"jsonPath":"$.n","numberValue":1.50},{"jsonPath":"$.t","boolValue":true}]`},
		},
		{"twice", "twice", []string{`[` + text("$.c", "a") + `,` + text("$.c", "b") + `]`}},
		{"twice, spelt in two ways", "twice", []string{`[` + text("$.c", "a") + `,` + text("$['c']", "b") + `]`}},
		{"an object and a text", "path", []string{`[` + text("$.c", "a") + `,` + text("$.c.d", "b") + `]`}},
		{"a text and a number", "twice", []string{`[` + more("$.c", "a") + `,{"jsonPath":"$.c","numberValue":1}]`}},
		{"two values", "one value", []string{`[{"jsonPath":"$.c","numberValue":1,"stringValue":"a"}]`}},
		{"a value to come", "one value", []string{`[{"jsonPath":"$.c","bytesValue":"a"}]`}},
		{"a text that is none", "one value", []string{`[{"jsonPath":"$.c","stringValue":{"a":"rm -rf"}}]`}},
		{"nothing that is something", "one value", []string{`[{"jsonPath":"$.c","nullValue":"rm -rf"}]`}},
		{"no value", "one value", []string{`[{"jsonPath":"$.c"}]`}},
		{"a number that goes on", "one value", []string{`[{"jsonPath":"$.c","numberValue":1,"willContinue":true}]`}},
		{"no path", "path", []string{`[{"stringValue":"a"}]`}},
		{"the root", "path", []string{`[` + text("$", "a") + `]`}},
		{"any", "path", []string{`[` + text("$.*", "a") + `]`}},
		{"all below", "path", []string{`[` + text("$..c", "a") + `]`}},
		{"far behind", "path", []string{`[` + text("$.c[1000000000]", "a") + `]`}},
		{"a list of a slice", "path", []string{`[` + text("$.c[0:1]", "a") + `]`}},
		{"escaped", "path", []string{`[` + text(`$['\\u0063']`, "a") + `]`}},
		{"deep", "path", []string{`[` + text("$"+strings.Repeat(".a", maxSteps+1), "a") + `]`}},
		{"unfinished", "path", []string{`[` + text("$['c", "a") + `]`}},
	} {
		p := pieces{taken: &taken{most: maxPieces}}
		for _, list := range c.in {
			p.add([]byte(list))
		}
		switch got := string(p.json()); {
		case strings.HasPrefix(c.want, "{"):
			if want := strings.ReplaceAll(c.want, `\u00e9`, "é"); p.err != nil || got != want {
				t.Errorf("%s: %s, error %v, want %s", c.name, got, p.err, want)
			}
		case p.err == nil || !strings.Contains(p.err.Error(), c.want):
			t.Errorf("%s: %s, error %v, want one of %s", c.name, got, p.err, c.want)
		}
	}
}
