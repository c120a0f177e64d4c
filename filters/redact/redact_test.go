package redact

import (
	"bytes"
	"encoding/json"
	"regexp"
	"testing"

	"bartizan/filters"
	"bartizan/filters/strictjson"
)

// blocks finds members of the object body, and members of those.
func blocks(t testing.TB, body []byte) map[string]filters.Block {
	t.Helper()
	found := map[string]filters.Block{}
	var object func(d *strictjson.Decoder, at string)
	object = func(d *strictjson.Decoder, at string) {
		mark := d.Mark()
		for name := range d.Object() {
			p := at + "/" + string(name)
			b := filters.Block{Pointer: p, MediaType: "application/json"}
			switch d.Kind() {
			case '{':
				object(d, p)
				continue
			case '"':
				b.MediaType, b.Data = "text/plain", filters.Plain(d.Text())
			default:
				b.Data = filters.Plain(d.Value())
			}
			b.Start, b.End = d.Range()
			found[p] = b
		}
		b := filters.Block{Pointer: at, MediaType: "application/json", Data: filters.Plain(d.Since(mark))}
		b.Start, b.End = d.RangeSince(mark)
		found[at] = b
	}
	d := strictjson.New(body)
	object(d, "")
	if err := d.End(); err != nil {
		t.Fatal(err)
	}
	return found
}

const document = `{ "a" : "one \"secret\" two", "b":{"secret": ["secret", 1, {"deep":"a secret\u0020here"}], "c" : "x"}, "n":17}`

func TestEdits(t *testing.T) {
	secret, space := regexp.MustCompile("secret"), regexp.MustCompile(`\s`)
	all := blocks(t, []byte(document))
	notice := func(b *filters.Block, text string) (filters.Edit, bool) {
		return Quoted(b, text), IsText([]byte(document), b)
	}
	type treatment struct {
		pointer string
		filters.Treatment
	}
	mask := func(pointer string, masks ...*regexp.Regexp) treatment {
		return treatment{pointer, filters.Treatment{Action: filters.ActionRedact, Masks: masks}}
	}
	remove := func(pointer string) treatment {
		return treatment{pointer, filters.Treatment{Action: filters.ActionQuarantine, Notice: `a "notice"`}}
	}
	for name, c := range map[string]struct {
		treatments []treatment
		want       string // empty: refused
	}{
		"nothing":          {nil, document},
		"a text":           {[]treatment{mask("/a", secret)}, `{ "a" : "one \"[redacted]\" two", "b":{"secret": ["secret", 1, {"deep":"a secret\u0020here"}], "c" : "x"}, "n":17}`},
		"what touches":     {[]treatment{mask("/a", regexp.MustCompile("sec"), regexp.MustCompile("ret"))}, `{ "a" : "one \"[redacted]\" two", "b":{"secret": ["secret", 1, {"deep":"a secret\u0020here"}], "c" : "x"}, "n":17}`},
		"JSON, not names":  {[]treatment{mask("/b", secret)}, `{ "a" : "one \"secret\" two", "b":{"secret": ["[redacted]", 1, {"deep":"a [redacted] here"}], "c" : "x"}, "n":17}`},
		"out of order":     {[]treatment{mask("/b/c", regexp.MustCompile("x")), remove("/a")}, `{ "a" : "a \"notice\"", "b":{"secret": ["secret", 1, {"deep":"a secret\u0020here"}], "c" : "[redacted]"}, "n":17}`},
		"within another":   {[]treatment{mask("/b/c", regexp.MustCompile("x")), mask("/b", space)}, `{ "a" : "one \"secret\" two", "b":{"secret": ["secret", 1, {"deep":"a[redacted]secret[redacted]here"}], "c" : "[redacted]"}, "n":17}`},
		"no form":          {[]treatment{remove("/b")}, ""},
		"no form, within":  {[]treatment{remove("/b/c"), mask("/b", secret)}, ""},
		"numbers are kept": {[]treatment{mask("/n", regexp.MustCompile("1"))}, document},
	} {
		t.Run(name, func(t *testing.T) {
			var list []filters.Block
			var treatments []filters.Treatment
			for _, tr := range c.treatments {
				tr.Block = len(list)
				list = append(list, all[tr.pointer])
				treatments = append(treatments, tr.Treatment)
			}
			edits, err := Edits([]byte(document), list, treatments, notice)
			if err != nil {
				if c.want != "" {
					t.Error(err)
				}
				return
			}
			if got := Apply([]byte(document), edits); string(got) != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestMatches(t *testing.T) {
	all := blocks(t, []byte(document))
	for pointer, c := range map[string]map[string]bool{
		"/a": {"secret": true, `"secret"`: true, `\\"`: false, "nothing": false},
		"/b": {"secret here": true, `\\u0020`: false, "deep": false},
		"/n": {"1": false},
	} {
		for pattern, want := range c {
			b := all[pointer]
			if got := Matches(&b, regexp.MustCompile(pattern)); got != want {
				t.Errorf("%s in %s: %t", pattern, pointer, got)
			}
		}
	}
}

// FuzzMask: what was valid JSON stays it, nothing is left to mask but what the masks themselves made, and the size is bounded.
func FuzzMask(f *testing.F) {
	f.Add([]byte(document), "secret")
	f.Add([]byte(`{"a":"\ud83d\ude00 x"}`), `[^\x00-\x7f]`)
	f.Fuzz(func(t *testing.T, body []byte, pattern string) {
		re, err := regexp.Compile(pattern)
		if err != nil || re.MatchString("") || strictjson.Validate(body) != nil {
			return
		}
		b := filters.Block{MediaType: "application/json", Data: filters.Plain(bytes.TrimSpace(body))}
		b.Start = bytes.Index(body, b.Data.Bytes())
		b.End = b.Start + b.Data.Len()
		edits, err := Edits(body, []filters.Block{b}, []filters.Treatment{{Action: filters.ActionRedact, Masks: []*regexp.Regexp{re}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := Apply(body, edits)
		if !json.Valid(got) || len(got) > 10*len(body)+len(masked) {
			t.Fatalf("%q became %q", body, got)
		}
		if !Matches(&b, re) && !bytes.Equal(got, body) {
			t.Fatalf("nothing matches in %q, which became %q", body, got)
		}
	})
}
