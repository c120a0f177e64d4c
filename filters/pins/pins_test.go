package pins

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bartizan/filters/manifest"
	"bartizan/filters/mcp"
)

const tool = `{"name":"query_sales","description":"Reads the sales.","inputSchema":{"type":"object","properties":{"region":{"type":"string"}}}}`

// TestDigest: what says the same has the same digest, and nothing else has.
func TestDigest(t *testing.T) {
	base, err := Read(mcp.ItemTool, []byte(tool))
	if err != nil || base.Name != "query_sales" {
		t.Fatal(base, err)
	}
	for _, c := range []struct {
		name, raw string
		same      bool
	}{
		{"another order", `{"inputSchema":{"properties":{"region":{"type":"string"}},"type":"object"},"description":"Reads the sales.","name":"query_sales"}`, true},
		{"escapes and blanks", ` {"name" : "query\u005fsales", "description":"Reads the sales.","inputSchema":{"type":"object","properties":{"region":{"type":"string"}}}} `, true},
		{"what no model reads", strings.Replace(tool, `{"name"`, `{"_meta":{"a":1},"icons":[],"name"`, 1), true},
		{"description", strings.Replace(tool, "Reads", "Sends", 1), false},
		{"a hidden character", strings.Replace(tool, "Reads", `Reads\u200b`, 1), false},
		{"schema", strings.Replace(tool, `{"type":"string"}`, `{"type":"string","description":"<IMPORTANT>"}`, 1), false},
		{"title", strings.Replace(tool, `{"name"`, `{"title":"x","name"`, 1), false},
		{"annotations", strings.Replace(tool, `{"name"`, `{"annotations":{"readOnlyHint":true},"name"`, 1), false},
		{"output schema", strings.Replace(tool, `{"name"`, `{"outputSchema":{},"name"`, 1), false},
		{"name", strings.Replace(tool, "query_sales", "query_sale", 1), false},
	} {
		got, err := Read(mcp.ItemTool, []byte(c.raw))
		if err != nil || (got.Digest == base.Digest) != c.same {
			t.Errorf("%s: same %t, want %t; %v", c.name, got.Digest == base.Digest, c.same, err)
		}
	}
	if other, err := Read(mcp.ItemPrompt, []byte(`{"name":"query_sales"}`)); err != nil || other.Digest == base.Digest {
		t.Error(other, err)
	}
}

func TestUnreadable(t *testing.T) {
	for _, raw := range []string{
		``, `null`, `[]`, `"x"`, `{}`, `{"name":1}`, `{"name":""}`, `{"name":"a","name":"b"}`, `{"name":"a"} {}`,
		`{"name":"a","Description":"b"}`, `{"name":"a","de\u017fcription":"b"}`, "{\"name\":\"a\xff\"}",
		`{"name":"a","inputSchema":{"x":1,"x":2}}`, `{"name":"a","x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`,
	} {
		if d, err := Read(mcp.ItemTool, []byte(raw)); err == nil {
			t.Errorf("%s has the digest %v", raw, d.Digest)
		}
	}
}

// TestRoundTrip: what Render writes, Decode reads, whatever a server has put into it.
func TestRoundTrip(t *testing.T) {
	nasty := "one\ttwo \n\n  three: # [x]\r\nfour \u200b\u202e\U000e0041 \x1b[31m 'q' \"d\" \\ é 地 \ufeff  "
	s := &Set{Name: "warehouse", Server: manifest.String{Value: "warehouse"}, Items: map[mcp.ItemKind]map[string]Pin{
		mcp.ItemTool: {
			"query_sales":  {Digest: Digest{1}, Excerpt: Excerpt(mcp.ItemTool, []byte(tool))},
			"a: b # \"c\"": {Digest: Digest{2}, Excerpt: tidy(nasty)},
			"empty":        {Digest: Digest{3}},
			"long":         {Digest: Digest{4}, Excerpt: tidy(strings.Repeat("x", 10_000))},
			"lines":        {Digest: Digest{5}, Excerpt: tidy(strings.Repeat("  - x\n", 10_000))},
		},
		mcp.ItemPrompt:       {},
		mcp.ItemInstructions: {"instructions": {Digest: Digest{6}, Excerpt: Excerpt(mcp.ItemInstructions, []byte(`"Be nice."`))}},
	}}
	raw := Render(s)
	docs, errs := manifest.Parse("pins.yaml", raw)
	if errs.Err() != nil || len(docs) != 1 {
		t.Fatalf("%v\n%s", errs, raw)
	}
	got, errs := Decode(docs[0])
	if errs.Err() != nil {
		t.Fatalf("%v\n%s", errs, raw)
	}
	got.Server = manifest.String{Value: got.Server.Value}
	if diff := cmp.Diff(s, got, cmp.AllowUnexported(manifest.String{})); diff != "" {
		t.Errorf("%s\n%s", diff, raw)
	}
}

func TestExcerpt(t *testing.T) {
	got := Excerpt(mcp.ItemTool, []byte(`{"name":"x","title":"T","description":"Reads\u200b it.\nTwice.","inputSchema":{"type":"object","properties":{"a":{"type":"string"}}},"annotations":{"readOnlyHint":true}}`))
	want := `title: T
Reads\u{200B} it.
Twice.
input: {
  "type": "object",
  "properties": {
    "a": {
      "type": "string"
    }
  }
}
annotations: {
  "readOnlyHint": true
}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMistakes(t *testing.T) {
	docs, _ := manifest.Parse("p.yaml", []byte(`apiVersion: bartizan/v1
kind: McpPins
metadata: { name: w }
spec:
  tools:
    - { name: a, sha256: abc }
    - { sha256: "00" }
    - { name: b, sha256: "`+strings.Repeat("0", 64)+`" }
    - { name: b, sha256: "`+strings.Repeat("0", 64)+`" }
`))
	_, errs := Decode(docs[0])
	want := `p.yaml:5:3: missing field: "server"
p.yaml:6:26: want the 64 hex digits of a SHA-256: "abc" (` + "`bartizan pin`" + ` writes it)
p.yaml:7:7: missing field: "name"
p.yaml:9:15: second pin of this name: "b" (the first is at p.yaml:8:15)`
	if diff := cmp.Diff(want, errs.Error()); diff != "" {
		t.Error(diff)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(tool))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, kind := range Kinds() {
			d, err := Read(kind, raw)
			if (err == nil) != (d.Name != "") {
				t.Fatal(d, err)
			}
			Excerpt(kind, raw)
		}
	})
}
