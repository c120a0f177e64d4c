// Package scan shows blocks to the detectors: what they see is block.findings in rules.
//
// It promises that all text of a block is looked at, up to MaxText: the strings and names within JSON as well, unescaped, and the bytes of
// an uploaded file, whatever type its client names. Content that is no text (images, other media in base64) is not looked at and has no
// findings: rules can tell it by its media type. What a finding is worth depends on where the block comes from, which is for rules to say.
//
// Looking takes some 10 ms for a megabyte, and grows with the text alone, whatever it says. The function is pure and safe for
// concurrent use.
package scan

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"bartizan/filters"
	"bartizan/filters/hidden"
	"bartizan/filters/injection"
	"bartizan/filters/secrets"
	"bartizan/filters/strictjson"
)

// MaxText is how much of one block is looked at, in bytes.
const MaxText = 1 << 20

// Unscanned is the finding of a block of which more is text than was looked at.
const Unscanned = "scan/unscanned"

// detector is a package that looks through texts.
type detector struct {
	name  string
	kinds func() []string // all that it can find
	find  func(text []byte) []filters.Finding
}

func detectors() []detector {
	return []detector{
		{hidden.Detector, hidden.Kinds, hidden.Find},
		{injection.Detector, injection.Kinds, injection.Find},
		{secrets.Detector, secrets.Kinds, secrets.Find},
	}
}

// Kinds returns all that [Findings] can say of a block, sorted, each once.
func Kinds() []string {
	kinds := []string{Unscanned}
	for _, d := range detectors() {
		for _, kind := range d.kinds() {
			kinds = append(kinds, d.name+"/"+kind)
		}
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// Findings returns what the detectors see in a block, as "detector/kind": sorted, each once.
func Findings(b *filters.Block) []string {
	text, ok := textOf(b)
	if !ok {
		return nil
	}
	var kinds []string
	if len(text) > MaxText {
		text = text[:MaxText]
		kinds = append(kinds, Unscanned)
	}
	for _, d := range detectors() {
		for _, f := range d.find(text) {
			if kind := d.name + "/" + f.Kind; !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		}
	}
	slices.Sort(kinds)
	return kinds
}

// textOf is the text of a block. What calls itself JSON and is none is a text, and so are the bytes of a file that are UTF-8, or without a NUL.
func textOf(b *filters.Block) (text []byte, ok bool) {
	if b.MediaType == "application/json" {
		d := strictjson.New(b.Data.Bytes())
		text = appendTexts(make([]byte, 0, b.Data.Len()), d)
		if d.End() == nil {
			return text, true
		}
		return b.Data.Bytes(), true
	}
	text = b.Data.Bytes()
	return text, strings.HasPrefix(b.MediaType, "text/") || b.Raw && (bytes.IndexByte(text, 0) < 0 || utf8.Valid(text))
}

// appendTexts appends the strings and names of the next value, a line each.
func appendTexts(out []byte, d *strictjson.Decoder) []byte {
	switch d.Kind() {
	case '{':
		for name := range d.Object() {
			out = appendTexts(append(append(out, name...), '\n'), d)
		}
	case '[':
		for range d.Array() {
			out = appendTexts(out, d)
		}
	case '"':
		out = append(append(out, d.Text()...), '\n')
	default:
		d.Skip()
	}
	return out
}
