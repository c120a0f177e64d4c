package redact

import (
	"cmp"
	"regexp"
	"slices"

	"bartizan/filters"

	"github.com/go-json-experiment/json/jsontext"
)

// masked stands where something was masked. It is short: a pattern may match at every other byte.
const masked = "[redacted]"

// Matches tells whether any mask matches something in the block.
func Matches(b *filters.Block, masks ...*regexp.Regexp) bool {
	if !isJSON(b) {
		return len(spans(b.Data.Bytes(), masks)) > 0
	}
	found := false
	walk(b.Data.Bytes(), func(text []byte) ([]byte, bool) {
		found = found || len(spans(text, masks)) > 0
		return nil, false
	})
	return found
}

// Text returns a text with what the masks match masked; text itself where they match nothing.
func Text(text []byte, masks ...*regexp.Regexp) []byte {
	if found := spans(text, masks); len(found) > 0 {
		return apply(text, found)
	}
	return text
}

// isJSON tells whether the block's data is a value as it stands in the body, and not a text that was unescaped: a text has lost its
// quotes at least, whatever its media type says.
func isJSON(b *filters.Block) bool { return !b.Raw && b.End-b.Start == b.Data.Len() }

// mask returns the value of the block with its masks applied, as JSON.
func mask(b *filters.Block, masks []*regexp.Regexp) []byte {
	if !isJSON(b) {
		return quote(apply(b.Data.Bytes(), spans(b.Data.Bytes(), masks)))
	}
	return walk(b.Data.Bytes(), func(text []byte) ([]byte, bool) {
		found := spans(text, masks)
		return apply(text, found), len(found) > 0
	})
}

// spans are what the masks match, in order: a group of theirs where it matched, else the whole. What touches is one. A match of nothing
// is none.
func spans(text []byte, masks []*regexp.Regexp) [][]int {
	var all [][]int
	for _, m := range masks {
		for _, at := range m.FindAllSubmatchIndex(text, -1) {
			if len(at) > 2 && at[2] >= 0 {
				at = at[2:]
			}
			all = append(all, at[:2])
		}
	}
	all = slices.DeleteFunc(all, func(s []int) bool { return s[0] == s[1] })
	slices.SortFunc(all, func(a, b []int) int { return cmp.Compare(a[0], b[0]) })
	merged := all[:0]
	for _, s := range all {
		if last := len(merged) - 1; last >= 0 && s[0] <= merged[last][1] {
			merged[last][1] = max(merged[last][1], s[1])
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

func apply(text []byte, found [][]int) []byte {
	var out []byte
	at := 0
	for _, s := range found {
		out = append(append(out, text[at:s[0]]...), masked...)
		at = s[1]
	}
	return append(out, text[at:]...)
}

// quote never fails on what was valid UTF-8; a mask that split a rune (a pattern may match single bytes) leaves U+FFFD.
func quote(text []byte) []byte {
	q, _ := jsontext.AppendQuote(nil, text)
	return q
}

// Masked is the data of the block with what the masks match masked: a text, or JSON.
func Masked(b *filters.Block, masks ...*regexp.Regexp) []byte {
	if !isJSON(b) {
		return apply(b.Data.Bytes(), spans(b.Data.Bytes(), masks))
	}
	return mask(b, masks)
}
