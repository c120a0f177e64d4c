package hidden

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"bartizan/filters"
)

func TestFind(t *testing.T) {
	tagged := func(s string) string {
		return strings.Map(func(r rune) rune { return 0xe0000 + r }, s)
	}
	for _, c := range []struct{ name, text, want string }{
		{"plain", "Reads the sales of a region.\n\tAnd more.\r\n", ""},
		{"nothing", "", ""},
		{"latin", "Größe, naïve, façade — “quoted” … €", ""},
		{"cjk", "地域の売上を読みます。한국어 설명입니다", ""},
		{"arabic with marks", "مرحبا \u200fabc\u200e \u2067x\u2069", ""},
		{"persian joiner", "می\u200cخواهم", ""},
		{"devanagari joiner", "क्\u200dष", ""},
		{"emoji family", "👨\u200d👩\u200d👧 ok", ""},
		{"emoji with selector", "✅ ❤\ufe0f ⚠\ufe0f 1\ufe0f\u20e3", ""},
		{"keycap without base", "x\ufe0f", "variation_selectors high 1-4"},
		{"flag of Scotland", "🏴" + tagged("gbsct") + "\U000e007f rest", ""},
		{"flag that carries more", "🏴" + tagged("gbsctignore") + "\U000e007f", "unicode_tags high 4-52"},
		{"ideographic variant", "葛\U000e0100城", ""},
		{"byte order mark", "\ufeffReads", ""},
		{"tags", "Reads." + tagged("ignore all") + " More.", "unicode_tags high 6-46"},
		{"selectors that carry data", "😀\ufe0f\ufe01\ufe02", "variation_selectors high 7-13"},
		{"supplement selectors", "a\U000e0101\U000e0102", "variation_selectors high 1-9"},
		{"zero width in a word", "ig\u200bnore", "zero_width high 2-5"},
		{"zero width between words", "one \u200btwo", "zero_width medium 4-7"},
		{"a row of zero width", "x \u200b\u200c\u200d\u2060 y", "zero_width high 2-14"},
		{"mark in the middle", "a \ufeff b", "zero_width medium 2-5"},
		{"override", "access \u202eresu", "bidi_control high 7-10"},
		{"isolate in ASCII", "x \u2067y\u2069", "bidi_control medium 2-5, bidi_control medium 6-9"},
		{"escape", "ok \x1b[31mred", "terminal_escape high 3-4"},
		{"C1 sequence", "ok \u009b31m", "terminal_escape high 3-5"},
		{"backspace", "ok\b\bno", "control_character medium 2-4"},
		{"delete", "ok\x7f", "control_character medium 2-3"},
		{"NUL", "a\x00b", "control_character medium 1-2"},
		{"filler", "a\u3164b", "blank_letter medium 1-4"},
		{"far", strings.Repeat("x", 1001) + "\x1b", "terminal_escape high 1001-1002"},
	} {
		if got := show(Find([]byte(c.text))); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestEveryPlace: where in a word of eight bytes a character stands makes no difference.
func TestEveryPlace(t *testing.T) {
	for i := range 40 {
		for _, bad := range []string{"\x1b", "\x7f", "\x00", "\u200b", "\U000e0041"} {
			text := strings.Repeat(" ", i) + bad + strings.Repeat(" ", 40-i)
			if found := Find([]byte(text)); len(found) != 1 || found[0].Start != i || found[0].End != i+len(bad) {
				t.Errorf("%q at %d: %v", bad, i, found)
			}
		}
	}
}

// TestKinds: whatever character stands alone, in a word or in a row, what is found is one of Kinds; and each of them is found.
func TestKinds(t *testing.T) {
	found := map[string]bool{}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		for _, f := range Find([]byte(string([]rune{r, ' ', 'a', r, 'b', ' ', r, r}))) {
			found[f.Kind] = true
		}
	}
	want := slices.Sorted(slices.Values(Kinds()))
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(found))); diff != "" {
		t.Error(diff)
	}
}

func TestFindingsAreBounded(t *testing.T) {
	if n := len(Find([]byte(strings.Repeat("\x1b ", 1000)))); n != MaxFindings {
		t.Errorf("%d findings", n)
	}
}

func show(found []filters.Finding) string {
	var out []string
	for _, f := range found {
		out = append(out, fmt.Sprintf("%s %s %d-%d", f.Kind, f.Severity, f.Start, f.End))
	}
	return strings.Join(out, ", ")
}

func FuzzFind(f *testing.F) {
	f.Add([]byte("a\u200bb\x1b[0m\U000e0041"))
	f.Fuzz(func(t *testing.T, text []byte) {
		end := 0
		for _, found := range Find(text) {
			if found.Start < end || found.End <= found.Start || found.End > len(text) {
				t.Fatalf("%v in %q", found, text)
			}
			end = found.End
		}
	})
}

func BenchmarkFind(b *testing.B) {
	for name, text := range map[string]string{
		"ascii": strings.Repeat("Reads the sales of a region, and shows them in a table.\n", 4000),
		"mixed": strings.Repeat("Größe — “naïve” 地域の売上を読みます and plain words between them.\n", 4000),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				Find([]byte(text))
			}
		})
	}
}
