package hidden

import (
	"bytes"
	"encoding/binary"
	"unicode"
	"unicode/utf8"

	"bartizan/filters"
)

// Detector is the name in findings.
const Detector = "hidden"

// The kinds of findings.
const (
	Tags          = "unicode_tags"
	Selectors     = "variation_selectors"
	ZeroWidth     = "zero_width"
	Bidi          = "bidi_control"
	BlankLetter   = "blank_letter"
	Escape        = "terminal_escape"
	ControlLetter = "control_character"
)

// Kinds are all kinds of findings.
func Kinds() []string {
	return []string{Tags, Selectors, ZeroWidth, Bidi, BlankLetter, Escape, ControlLetter}
}

// MaxFindings is how many findings are reported of one text; more say nothing more.
const MaxFindings = 32

// Find looks through a text. Findings come in the order of the text; characters of one kind that follow one another are one.
func Find(text []byte) []filters.Finding {
	s := scan{text: text}
	for i := 0; i < len(text) && len(s.found) < MaxFindings; {
		switch c := text[i]; {
		case c < 0x7f && c >= ' ':
			i += ordinary(text[i:])
		case c == '\n', c == '\t', c == '\r':
			i++
		case c >= 0xc3 && c <= 0xed && !suspect[c-0xc0]: // the first byte of letters, signs and ideographs
			i++
			for i < len(text) && text[i]&0xc0 == 0x80 {
				i++
			}
		default:
			i += s.at(i)
		}
	}
	return s.found
}

// suspect marks the first bytes, from 0xc0 on, of characters that at looks at.
var suspect = [64]bool{
	0xc2 - 0xc0: true, 0xcd - 0xc0: true, 0xd8 - 0xc0: true, 0xe1 - 0xc0: true, 0xe2 - 0xc0: true, 0xe3 - 0xc0: true,
}

// ordinary counts the bytes of printable ASCII that a text begins with.
func ordinary(text []byte) int {
	i := 0
	for ; i+8 <= len(text); i += 8 {
		const high, low = 0x8080808080808080, 0x0101010101010101
		w := binary.LittleEndian.Uint64(text[i:])
		// A byte that has its high bit set, is below 0x20 or is 0x7f leaves a high bit here; some others may, too.
		if (w|(w-0x20*low)|(w+low))&high != 0 {
			break
		}
	}
	for i < len(text) && text[i] >= ' ' && text[i] < 0x7f {
		i++
	}
	return i
}

type scan struct {
	text  []byte
	found []filters.Finding
	rtl   int8 // whether the text has letters that run from right to left: 0 not asked yet, 1 yes, -1 no
}

// at looks at the character at i, which may be anything, and tells how many bytes it has.
func (s *scan) at(i int) int {
	r, n := utf8.DecodeRune(s.text[i:])
	switch {
	case r < 0x20 && r != '\n' && r != '\t' && r != '\r', r >= 0x7f && r <= 0x9f:
		if r == 0x1b || r >= 0x90 && r <= 0x9f { // ESC and the C1 that begin sequences
			s.add(Escape, i, n, filters.SeverityHigh)
		} else {
			s.add(ControlLetter, i, n, filters.SeverityMedium)
		}
	case r < 0xad || r > 0xffff && r < 0xe0000:
	case r >= 0xe0000 && r <= 0xe007f:
		if m := s.flag(i); m > 0 {
			return m
		}
		s.add(Tags, i, n, filters.SeverityHigh)
	case r >= 0xe0100 && r <= 0xe01ef:
		if p := s.before(i); !unicode.Is(unicode.Han, p) {
			s.add(Selectors, i, n, filters.SeverityHigh)
		}
	case r >= 0xfe00 && r <= 0xfe0f:
		if p := s.before(i); p < 0x80 && !emojiBase(p) || isSelector(p) {
			s.add(Selectors, i, n, filters.SeverityHigh)
		}
	default:
		s.format(r, i, n)
	}
	return n
}

// emojiBase: digits and signs that a selector makes an emoji of (Unicode TS 51, ED-20).
func emojiBase(r rune) bool { return r >= '0' && r <= '9' || r == '#' || r == '*' }

func isSelector(r rune) bool { return r >= 0xfe00 && r <= 0xfe0f || r >= 0xe0100 && r <= 0xe01ef }

// format looks at the other characters without a shape.
func (s *scan) format(r rune, i, n int) {
	switch r {
	case 0x200b, 0x2060, 0x2061, 0x2062, 0x2063, 0x2064, 0x180e:
		s.add(ZeroWidth, i, n, s.within(i, n))
	case 0xfeff:
		if i > 0 {
			s.add(ZeroWidth, i, n, s.within(i, n))
		}
	case 0x200c, 0x200d:
		if p := s.before(i); p < 0x80 || isJoiner(p) {
			s.add(ZeroWidth, i, n, s.within(i, n))
		}
	case 0x202d, 0x202e:
		s.add(Bidi, i, n, filters.SeverityHigh)
	case 0x202a, 0x202b, 0x202c, 0x2066, 0x2067, 0x2068, 0x2069, 0x200e, 0x200f, 0x061c:
		if !s.runsLeft() {
			s.add(Bidi, i, n, filters.SeverityMedium)
		}
	case 0x3164, 0x115f, 0x1160, 0xffa0, 0x034f:
		if p := s.before(i); !unicode.Is(unicode.Hangul, p) && !unicode.Is(unicode.M, p) {
			s.add(BlankLetter, i, n, filters.SeverityMedium)
		}
	}
}

func isJoiner(r rune) bool {
	return r == 0x200c || r == 0x200d || r == 0x200b || r == 0x2060 || r == 0xfeff
}

// within ranks a zero-width character: within a word of ASCII, or in a row of them, it serves nobody who reads.
func (s *scan) within(i, n int) filters.Severity {
	after, _ := utf8.DecodeRune(s.text[i+n:])
	before := s.before(i)
	if isLetter(before) && isLetter(after) || isJoiner(before) || isJoiner(after) {
		return filters.SeverityHigh
	}
	return filters.SeverityMedium
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

func (s *scan) before(i int) rune {
	r, n := utf8.DecodeLastRune(s.text[:i])
	if n == 0 {
		return 0
	}
	return r
}

// runsLeft tells whether the text has letters of Hebrew, Arabic, Syriac, Thaana or N'Ko.
func (s *scan) runsLeft() bool {
	if s.rtl == 0 {
		s.rtl = -1
		if bytes.ContainsFunc(s.text, func(r rune) bool {
			return r >= 0x590 && r <= 0x8ff || r >= 0xfb1d && r <= 0xfdff || r >= 0xfe70 && r <= 0xfefc
		}) {
			s.rtl = 1
		}
	}
	return s.rtl > 0
}

// flag measures the tags at i where they are the rest of a flag (Unicode TS 51, ED-14a): after a black flag, at most six, and their end.
func (s *scan) flag(i int) int {
	if s.before(i) != 0x1f3f4 {
		return 0
	}
	end := i
	for k := 0; k < 7; k++ {
		r, n := utf8.DecodeRune(s.text[end:])
		end += n
		switch {
		case r == 0xe007f && k > 0:
			return end - i
		case r < 0xe0030 || r > 0xe007a:
			return 0
		}
	}
	return 0
}

// add notes a character, or makes the last finding longer when it goes on.
func (s *scan) add(kind string, i, n int, severity filters.Severity) {
	if last := len(s.found) - 1; last >= 0 && s.found[last].Kind == kind && s.found[last].End == i {
		s.found[last].End = i + n
		if severity == filters.SeverityHigh {
			s.found[last].Severity = severity
		}
		return
	}
	s.found = append(s.found, filters.Finding{Detector: Detector, Kind: kind, Start: i, End: i + n, Severity: severity})
}
