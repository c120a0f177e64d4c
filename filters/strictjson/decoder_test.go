package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"bartizan/filters"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

func TestRefusals(t *testing.T) {
	tests := []struct{ name, body, message, pointer string }{
		{"empty", ``, "empty where JSON is wanted", ""},
		{"blank", " \n", "empty where JSON is wanted", ""},
		{"duplicate", `{"model":1,"model":2}`, `duplicate object member name "model"`, "/model"},
		{"duplicate by escape", `{"model":1,"mod\u0065l":2}`, `duplicate object member name "model"`, "/model"},
		{"duplicate below", `{"a":[{"b":{"c":1,"c":2}}]}`, `duplicate object member name "c"`, "/a/0/b/c"},
		{"trailing value", `{} {}`, "trailing data after the JSON value", ""},
		{"trailing garbage", `{}]`, "trailing data after the JSON value", ""},
		{"trailing NUL", "{}\x00", "trailing data after the JSON value", ""},
		{"invalid UTF-8", "{\"a\":\"\xff\"}", "invalid JSON: invalid UTF-8", "/a"},
		{"lone surrogate", `{"a":"\ud800"}`, "invalid JSON: invalid surrogate pair in string", "/a"},
		{"escape", `{"a":"secret\qsecret"}`, "invalid JSON: invalid escape sequence in string", "/a"},
		{"back quote", "{\"a\":`}", "invalid JSON: invalid character '`' at start of value", "/a"},
		{"cut", `{"a":[1,`, "JSON ends too early", "/a"},
		{"comment", `{/**/}`, "invalid JSON: invalid character '/' at start of string (expecting '\"')", ""},
		{"byte order mark", "\ufeff{}", "invalid JSON: invalid character '\\ufeff' at start of value", ""},
		{"single quotes", `{'a':1}`, "invalid JSON: invalid character '\\'' at start of string (expecting '\"')", ""},
		{"NaN", `{"a":NaN}`, "invalid JSON: invalid character 'N' at start of value", "/a"},
		{"form", `a=b`, "invalid JSON: invalid character 'a' at start of value", ""},
		{"too deep", strings.Repeat(`[`, 65) + strings.Repeat(`]`, 65), tooDeep, ""},
		{"far too deep", strings.Repeat(`[`, 100_000) + strings.Repeat(`]`, 100_000), tooDeep, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var be *filters.BodyError
			if err := Validate([]byte(tt.body)); !errors.As(err, &be) {
				t.Fatalf("Validate = %v, want a BodyError", err)
			}
			want := &filters.BodyError{Kind: filters.RefusedMalformed, Pointer: tt.pointer, Message: tt.message}
			if diff := cmp.Diff(want, be); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDepth(t *testing.T) {
	if want := fmt.Sprintf("objects of more than %d members", MaxNames); tooManyNames != want {
		t.Errorf("tooManyNames = %q, want %q", tooManyNames, want)
	}
	if want := fmt.Sprintf("nested deeper than %d levels", MaxDepth); tooDeep != want {
		t.Errorf("tooDeep = %q, want %q", tooDeep, want)
	}
	nest := func(n int) []byte { return []byte(strings.Repeat(`{"a":[`, n/2) + strings.Repeat(`]}`, n/2)) }
	if err := Validate(nest(MaxDepth)); err != nil {
		t.Errorf("depth %d: %v", MaxDepth, err)
	}
	if err := Validate([]byte(`"` + strings.Repeat(`[{\"`, 100) + `"`)); err != nil {
		t.Errorf("brackets in a string counted as depth: %v", err)
	}
	var walk func(d *Decoder)
	walk = func(d *Decoder) {
		for range d.Object() {
			for range d.Array() {
				walk(d)
			}
		}
	}
	for n, ok := range map[int]bool{MaxDepth: true, MaxDepth + 2: false} { // walking must meet the same limit as skipping
		d := New([]byte(strings.Repeat(`{"a":[`, n/2) + `{}` + strings.Repeat(`]}`, n/2)))
		if ok {
			d = New(nest(n))
		}
		walk(d)
		if err := d.End(); (err == nil) != ok {
			t.Errorf("walk of depth %d: %v", n, err)
		}
	}
}

func TestWalk(t *testing.T) {
	body := []byte(`{"s":"plain","e":"a\"b\u00e9","n":-42,"b":true,"x":null,"raw": {"k" : [1, 2]} ,"skip":{"s":1},"a":[{"v":1},2,{"v":3}],"z":"last"}`)
	d := New(body)
	got := map[string]any{}
	for name := range d.Object() {
		switch string(name) {
		case "s", "e", "z":
			got[string(name)] = d.String()
			got["pointer of "+string(name)] = d.Pointer()
		case "n":
			got["n"] = d.Int64()
		case "b":
			got["b"] = d.Bool()
		case "x":
			got["x"] = d.Null()
		case "raw":
			mark := d.Mark()
			got["raw"] = string(d.Value())
			got["since"] = string(d.Since(mark))
		case "a":
			for i := range d.Array() {
				if d.Kind() != '{' {
					continue // left unread on purpose
				}
				for range d.Object() {
					got[fmt.Sprintf("a%d", i)] = d.Int64()
					got[fmt.Sprintf("pointer of a%d", i)] = d.Pointer()
				}
			}
		}
	}
	if err := d.End(); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"s": "plain", "pointer of s": "/s", "e": `a"bé`, "pointer of e": "/e", "z": "last", "pointer of z": "/z",
		"n": int64(-42), "b": true, "x": true, "raw": `{"k" : [1, 2]}`, "since": `{"k" : [1, 2]}`,
		"a0": int64(1), "pointer of a0": "/a/0/v", "a2": int64(3), "pointer of a2": "/a/2/v",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLeavingALoopSkipsTheRest(t *testing.T) {
	d := New([]byte(`[[1,2,[3]],{"a":1,"b":{"c":2}},"end"]`))
	var got []string
	for i := range d.Array() {
		switch i {
		case 0:
			for range d.Array() {
				break
			}
		case 1:
			for range d.Object() {
				break
			}
		case 2:
			got = append(got, d.String())
		}
	}
	if diff := cmp.Diff([]string{"end"}, got); diff != "" || d.End() != nil {
		t.Error(diff, d.End())
	}
}

func TestWrongKinds(t *testing.T) {
	tests := []struct {
		body, want string
		read       func(*Decoder)
	}{
		{`{"v":1}`, "want a string, got a number at /v", func(d *Decoder) { d.Text() }},
		{`{"v":null}`, "want a string, got null at /v", func(d *Decoder) { d.Text() }},
		{`{"v":"1"}`, "want a number, got a string at /v", func(d *Decoder) { d.Int64() }},
		{`{"v":1.0}`, "want an integer of 64 bits at /v", func(d *Decoder) { d.Int64() }},
		{`{"v":9223372036854775808}`, "want an integer of 64 bits at /v", func(d *Decoder) { d.Int64() }},
		{`{"v":0}`, "want a boolean, got a number at /v", func(d *Decoder) { d.Bool() }},
		{`{"v":[]}`, "want an object, got an array at /v", func(d *Decoder) {
			for range d.Object() {
			}
		}},
		{`{"v":{}}`, "want an array, got an object at /v", func(d *Decoder) {
			for range d.Array() {
			}
		}},
	}
	for _, tt := range tests {
		d := New([]byte(tt.body))
		for range d.Object() {
			tt.read(d)
		}
		if err := d.End(); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.body, err, tt.want)
		}
	}
}

func TestErrorsCarryNamesOnlyAndBounded(t *testing.T) {
	long := strings.Repeat("é", 10_000)
	err := Validate([]byte(`{"` + long + `":1,"` + long + `":2}`))
	if err == nil || len(err.Error()) > 1000 {
		t.Errorf("error of %d bytes", len(fmt.Sprint(err)))
	}
	if err := Validate([]byte(`{"a":"secret" oops}`)); strings.Contains(err.Error(), "secret") {
		t.Errorf("error shows a value: %v", err)
	}
}

func TestTextAliasesTheBody(t *testing.T) {
	body := []byte(`"plain"`)
	if text := New(body).Text(); &text[0] != &body[1] {
		t.Error("an unescaped string was copied")
	}
}

// FuzzValidate holds our reader against the standard library's: what we accept, it accepts.
func FuzzValidate(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":"\u00e9"}]}`, `[]`, `{"a":1,"a":2}`, "\xff", `{}{}`, `-0`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := Validate(body)
		if err == nil && !json.Valid(body) {
			t.Fatalf("accepted invalid JSON %q", body)
		}
		var walk func(d *Decoder)
		walk = func(d *Decoder) {
			switch d.Kind() {
			case '{':
				for range d.Object() {
					walk(d)
				}
			case '[':
				for range d.Array() {
					walk(d)
				}
			case '"':
				d.Text()
			default:
				d.Skip()
			}
		}
		d := New(body)
		walk(d)
		if walked := d.End(); (walked == nil) != (err == nil) {
			t.Fatalf("walking says %v, skipping says %v of %q", walked, err, body)
		}
	})
}

func BenchmarkWalk500KB(b *testing.B) {
	text, _ := json.Marshal(strings.Repeat("Line of a \"tool result\".\n\tIndented, with code.", 40))
	one := `{"role":"user","content":[{"type":"text","text":` + string(text) + `}]}`
	body := []byte("[" + strings.Repeat(one+",", 500_000/len(one)) + one + "]")
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	d := new(Decoder)
	for b.Loop() {
		d.Reset(body)
		for range d.Array() {
			for range d.Object() {
				if d.Kind() == '[' {
					for range d.Array() {
						for range d.Object() {
							d.Text()
						}
					}
				}
			}
		}
		if err := d.End(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSmallEvent(b *testing.B) {
	body := []byte(`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello there"}}`)
	d := new(Decoder)
	b.ReportAllocs()
	for b.Loop() {
		d.Reset(body)
		for name := range d.Object() {
			if bytes.Equal(name, []byte("type")) {
				d.Text()
			}
		}
		if d.End() != nil {
			b.Fatal()
		}
	}
}

// seeds are bodies, good and bad, that differ in what a parser has to look at.
var seeds = []string{
	`{"a":[1,-0.5e+7,"x\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"],"b":{"a":null,"":true},"c":false}`, `[1 2]`, `["a"1]`, `{"a" 1}`, `{"a":1,}`, `[1,]`,
	`[01]`, `[1.]`, `[.5]`, `[1e]`, `[-]`, `["\ud83d"]`, `["\ude00\ud83d"]`, "[\"\xf0\x9f\x98\"]", "[\"\x1f\"]", `{"a":1,"a":2}`, `{"k":{"a":1},"l":{"a":1}}`,
	`nul`, `[}`, `{]`, " { } ", `[[],{},[{}]]`, `["` + strings.Repeat("abcdefg", 5) + "é" + strings.Repeat("x", 9) + `\n"]`, `"\uD800\u00e9"`, `{"a":1 "b":2}`,
	`[1,,2]`, `{:1}`, `[truefalse]`, `"\uD800000000"`, `"\uZZZZ\uDC00"`, `"\ud800\ud800"`, `"\u12"`, `"\ud83d\ude0"`, `{"\u0061":1,"a":2}`,
}

func FuzzOtherParser(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(compare)
}

// TestOtherParser is FuzzOtherParser with bytes changed, left out and put in at random, the same ones on every run.
func TestOtherParser(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		body := []byte(seeds[random.IntN(len(seeds))])
		for range 1 + random.IntN(3) {
			other := seeds[random.IntN(len(seeds))]
			i := random.IntN(len(body) + 1)
			j := i + random.IntN(len(body)-i+1)
			switch random.IntN(4) {
			case 0:
				body = slices.Concat(body[:i], []byte{other[random.IntN(len(other))]}, body[j:])
			case 1:
				body = slices.Concat(body[:i], body[j:])
			case 2:
				body = slices.Concat(body[:j], body[i:])
			case 3:
				body = slices.Concat(body[:i], []byte(other), body[j:])
			}
		}
		compare(t, body)
	}
}

// TestLongTexts: texts that do not fit into the room that is left, wherever it ends, and many of them.
func TestLongTexts(t *testing.T) {
	for _, unit := range []string{`ab\n`, `x\u00e9`, `\\`, "é\\t", `\ud83d\ude00`, "plain text, and more of it \\n"} {
		for _, n := range []int{leastRoom, roomSize, roomSize + leastRoom} {
			for more := range 10 {
				compare(t, []byte(`["`+strings.Repeat("-", more)+strings.Repeat(unit, n/len(unit))+`","`+strings.Repeat("p", more*400)+unit+`"]`))
			}
		}
	}
}

// compare: what is accepted, and what every string and name says, is what jsontext makes of the same bytes.
func compare(t *testing.T, body []byte) {
	want, err := others(body)
	if ours := Validate(body); (ours == nil) != (err == nil) {
		t.Fatalf("%q: %v, another parser says %v", body, ours, err)
	}
	if err != nil {
		return
	}
	var got []string
	d := New(body)
	texts(d, &got)
	if err := d.End(); err != nil {
		t.Fatalf("%q: walked: %v", body, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%q: %s", body, diff)
	}
}

// others reads a body with jsontext: its strings, each with its place, and what is wrong with it.
func others(body []byte) (found []string, err error) {
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		token, err := dec.ReadToken()
		if err != nil {
			break
		}
		if token.Kind() == '"' {
			found = append(found, fmt.Sprintf("%s %q", dec.StackPointer(), token.String()))
		}
		if dec.StackDepth() > MaxDepth {
			return nil, errors.New("too deep")
		}
	}
	dec = jsontext.NewDecoder(bytes.NewReader(body))
	if _, err := dec.ReadValue(); err != nil {
		return nil, err
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("trailing data")
	}
	return found, nil
}

func texts(d *Decoder, found *[]string) {
	switch d.Kind() {
	case '"':
		text := d.Text()
		*found = append(*found, fmt.Sprintf("%s %q", d.Pointer(), text))
	case '{':
		for name := range d.Object() {
			*found = append(*found, fmt.Sprintf("%s %q", d.Pointer(), name))
			texts(d, found)
		}
	case '[':
		for range d.Array() {
			texts(d, found)
		}
	default:
		d.Skip()
	}
}

// TestManyNames: an object of many members is checked in the same way, and in little time.
func TestManyNames(t *testing.T) {
	for _, n := range []int{2, manyNames, manyNames + 1, manyNames + 2, 100_000} {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"k%d":{"k0":1},`, i)
		}
		if err := Validate([]byte("{" + b.String() + `"z":0}`)); err != nil {
			t.Errorf("%d names: %v", n, err)
		}
		if err := Validate([]byte("{" + b.String() + `"k1":0}`)); err == nil || err.Error() != `duplicate object member name "k1" at /k1` {
			t.Errorf("%d names, one twice: %v", n, err)
		}
	}
}

// TestTooManyNames: the names of an object have to be kept as long as it is read.
func TestTooManyNames(t *testing.T) {
	object := func(n int, last string) string {
		var b strings.Builder
		b.WriteByte('{')
		for i := range n {
			fmt.Fprintf(&b, `"%d":1,`, i)
		}
		return b.String() + `"last":` + last + `}`
	}
	for _, c := range []struct {
		name, body string
		refused    bool
	}{
		{"many", object(MaxNames-100, "1"), false},
		{"too many", object(MaxNames+100, "1"), true},
		{"one after the other", "[" + object(MaxNames-100, "1") + "," + object(MaxNames-100, "1") + "]", false},
		{"one within the other", object(MaxNames/2+100, object(MaxNames/2+100, "1")), true},
	} {
		if err := Validate([]byte(c.body)); (err != nil) != c.refused {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
