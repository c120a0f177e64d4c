package expr

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLiterals(t *testing.T) {
	for text, want := range map[string][]string{
		`AKIA[0-9A-Z]{16}`: {"AKIA"},
		`AKIA[0-9A-Z]{16}|ghp_[0-9A-Za-z]{36}|xox[ab]`: {"AKIA", "ghp_", "xox"},
		`(sk-(ant|proj)-)+key`:                         {"sk-"},
		`(password){2,}.*x`:                            {"password"},
		`^-----BEGIN .* KEY-----$`:                     {"-----BEGIN "},
		`abc?d`:                                        nil,
		`abcd?`:                                        {"abc"},
		`(?i)password`:                                 nil,
		`pass(?i:word)`:                                {"pass"},
		`abc|d`:                                        nil,
		`(abc)*`:                                       nil,
		`(abc){0,3}`:                                   nil,
		`ab`:                                           nil,
		"a\ufffdbc":                                    nil,
		``:                                             nil,
		`\d{3}-\d{2}-\d{4}`:                            nil,
	} {
		p, err := newPattern(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, p.literals); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// FuzzLiterals: a text that matches is never passed over.
func FuzzLiterals(f *testing.F) {
	for _, seed := range [][2]string{
		{`AKIA[0-9A-Z]{4}`, "xAKIA0000"},
		{`(?i)abc|def`, "ABC"},
		{`(abc|abd){1,3}x?`, "abd"},
		{`[a]bc+`, "abcc"},
		{"a\ufffdbc", "a\xffbc"},
		{`(?s)abc.`, "abc\n"},
		{`ſtop|stop`, "ſtop"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		p, err := newPattern(pattern)
		if err != nil {
			return
		}
		if p.re.MatchString(text) && len(p.literals) > 0 && !p.mayMatch(text) {
			t.Errorf("%q matches %q, which holds none of %q", pattern, text, p.literals)
		}
		if slices.ContainsFunc(p.literals, func(l string) bool { return len(l) < minLiteral }) {
			t.Errorf("%q: short literals %q", pattern, p.literals)
		}
	})
}

// BenchmarkRegexp searches a mebibyte for what is not there, which is the worst for an expression without a literal: ns/unit is what
// the unit of cost comes to.
func BenchmarkRegexp(b *testing.B) {
	text := strings.Repeat("The third quarter closed above plan, though returns grew again. 4111 ", 1<<20/70)
	for name, pattern := range map[string]string{
		"word": `(?i)password\s*[:=]`, "keys": `(?i)AKIA[0-9A-Z]{16}|ghp_[0-9A-Za-z]{36}|xox[abp]-[0-9A-Za-z-]{10,}`,
		"card": `\b(?:\d[ -]*?){13,16}\b`, "dense": `([a-z ]{1,8}y?){12}\d\d\d\d\d`, "large": `([a-z ]{1,30}y?){30}\d\d\d\d\d`,
	} {
		b.Run(name, func(b *testing.B) {
			p, err := newPattern(pattern)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if p.re.MatchString(text) {
					b.Fatal("matched")
				}
			}
			units := matchPrice(uint64(len(text)), p.size)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(units), "ns/unit")
		})
	}
}
