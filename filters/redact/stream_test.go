package redact

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"
)

// streamed masks a text in pieces of the given sizes, taking what is ready after each, the last size again and again.
func streamed(t testing.TB, text []byte, masks []*regexp.Regexp, sizes ...int) []byte {
	t.Helper()
	s := NewStream(masks)
	var out []byte
	take := func() {
		n := s.Ready()
		raw := text[s.taken : s.taken+int64(n)]
		got, changed := s.Take(n)
		if changed == bytes.Equal(got, raw) && !bytes.Contains(raw, []byte(masked)) {
			t.Fatalf("%q became %q, changed %v", raw, got, changed)
		}
		out = append(out, got...)
	}
	for rest := text; len(rest) > 0; {
		n := min(len(rest), max(1, sizes[0]))
		if len(sizes) > 1 {
			sizes = sizes[1:]
		}
		if err := s.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
		take()
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	take()
	if s.taken != int64(len(text)) {
		t.Fatalf("%d of %d bytes were ready at the end", s.taken, len(text))
	}
	return out
}

var streamCases = []struct {
	text  string
	masks []string
}{
	{"a key AKIA0123 and AKIA4567, AKIA01", []string{`AKIA[0-9]{4}`}},
	{"secret secretsecret", []string{"secret"}},
	{"what touches: secret", []string{"sec", "ret", "cre"}},
	{"word words sword word", []string{`\bword\b`}},
	{"word\nword\nword", []string{`(?m)^word$`}},
	{"word\nword", []string{`^word`, `word$`}},
	{"word\nword\n", []string{`word\z`, `word\n\z`}},
	{"key=value; key=; key=other", []string{`key=([a-z]*)`}},
	{"aaabaaab", []string{`a+b|a`, `(?:a.*z)|aa`}},
	{"xabcabcabcx", []string{`abc(?:abc)*?`, `(?:abc){2}`}},
	{"ab ab ab", []string{`a(b*c)?`}},
	{"Straße STRASSE straße \u212aelvin", []string{`(?i)stra(ß|ss)e`, `(?i)kelvin`}},
	{"日本語 secret 日本語", []string{`本.*?本`, `[^\x00-\x7f]`}},
	{"one two three", []string{`\b`, `\B\w`}},
	{"aXbXXc", []string{`X*`}},
	{"foo.bar@example.com, x@y.z and @", []string{`[\w.+-]+@[\w-]+\.[\w.]+`}},
	{"\xff\xfe secret \xe2\x82 x\xe2", []string{`secret`, `.`, `\x{fffd}`}},
	{"a (b) c", []string{`\((b)\)|(c)`}},
	{"ab", []string{`(a)|(?:b)|(x)`}},
}

// TestStream: however a text is cut, what is masked in it is what is masked in the whole.
func TestStream(t *testing.T) {
	for _, c := range streamCases {
		var masks []*regexp.Regexp
		for _, m := range c.masks {
			masks = append(masks, regexp.MustCompile(m))
		}
		want := string(Text([]byte(c.text), masks...))
		for _, size := range []int{1, 2, 3, 5, len(c.text)} {
			if got := string(streamed(t, []byte(c.text), masks, size)); got != want {
				t.Errorf("%q by %q in pieces of %d: %q, want %q", c.text, c.masks, size, got, want)
			}
		}
		for i := range len(c.text) {
			if got := string(streamed(t, []byte(c.text), masks, i, len(c.text))); got != want {
				t.Errorf("%q by %q cut at %d: %q, want %q", c.text, c.masks, i, got, want)
			}
		}
	}
}

// TestStreamHolds: no more is held back than what may be a match.
func TestStreamHolds(t *testing.T) {
	s := NewStream([]*regexp.Regexp{regexp.MustCompile(`AKIA[0-9A-Z]{16}`)})
	for _, c := range []struct {
		piece string
		held  int
	}{{"ordinary words ", 0}, {"AK", 2}, {"IB ", 0}, {"A", 1}, {"KIA0123", 8}, {"x", 0}} {
		if err := s.Write([]byte(c.piece)); err != nil {
			t.Fatal(err)
		}
		if s.Take(s.Ready()); int(s.total-s.taken) != c.held {
			t.Errorf("after %q %d bytes are held, want %d", c.piece, s.total-s.taken, c.held)
		}
	}
	open := NewStream([]*regexp.Regexp{regexp.MustCompile(`(?s)BEGIN.*END`)})
	err := open.Write([]byte("text BEGIN"))
	for i := 0; i < 70 && err == nil; i++ {
		err = open.Write([]byte(strings.Repeat("x", 1<<10)))
	}
	if !errors.Is(err, ErrPending) || open.Ready() != 0 {
		t.Errorf("error %v, %d ready", err, open.Ready())
	}
	costly := NewStream([]*regexp.Regexp{regexp.MustCompile(`(?:a.*z)|a`)})
	for i := 0; i < 60 && err != ErrSteps; i++ { //nolint:errorlint // the sentinel itself
		err = costly.Write([]byte(strings.Repeat("a", 1<<10)))
	}
	if err == nil {
		err = costly.Close()
	}
	if !errors.Is(err, ErrSteps) {
		t.Errorf("error %v, want %v", err, ErrSteps)
	}
}

func TestStreamKeepsLittle(t *testing.T) {
	s := NewStream([]*regexp.Regexp{regexp.MustCompile(`secret`)})
	for range 1000 {
		if err := s.Write([]byte(strings.Repeat("ordinary ", 100))); err != nil {
			t.Fatal(err)
		}
		s.Take(s.Ready())
	}
	if len(s.buf) > 16<<10 {
		t.Errorf("%d bytes are kept", len(s.buf))
	}
}

// FuzzStream holds a stream against the whole text.
func FuzzStream(f *testing.F) {
	for _, c := range streamCases {
		f.Add([]byte(c.text), c.masks[0], c.masks[len(c.masks)-1], 1, 3)
	}
	f.Fuzz(func(t *testing.T, text []byte, one, other string, first, then int) {
		a, errA := regexp.Compile(one)
		b, errB := regexp.Compile(other)
		if errA != nil || errB != nil || len(text) > 1<<10 {
			return
		}
		masks := []*regexp.Regexp{a, b}
		want := Text(text, masks...)
		if got := streamed(t, text, masks, first%1024, then%64); !bytes.Equal(got, want) {
			t.Fatalf("%q by %q and %q: %q, want %q", text, one, other, got, want)
		}
	})
}
