package access

import (
	"slices"

	"bartizan/filters"
	"bartizan/filters/hidden"
	"bartizan/filters/injection"
	"bartizan/filters/mcp"
	"bartizan/filters/pins"
	"bartizan/filters/strictjson"
)

// Bounds of what is kept of one definition.
const (
	maxFindings = 16
	maxWords    = 128
	minWord     = 6 // bytes of a name that is worth finding in a text: shorter ones are words of any language
)

// examine reads a definition and looks through all its texts, member names among them: a model reads schemas whole.
func examine(kind mcp.ItemKind, raw []byte) *looked {
	d, err := pins.Read(kind, raw)
	out := &looked{name: d.Name, digest: d.Digest, err: err}
	if err != nil {
		return out
	}
	e := examiner{Decoder: strictjson.New(raw), out: out}
	e.value()
	if kind == mcp.ItemTool {
		out.mirrors = mcp.Mirrors(raw)
	}
	return out
}

type examiner struct {
	*strictjson.Decoder
	out *looked
}

// value goes through the next value. Its depth is bounded by strictjson.MaxDepth.
func (e *examiner) value() {
	switch e.Kind() {
	case '{':
		for name := range e.Object() {
			e.text(name)
			e.value()
		}
	case '[':
		for range e.Array() {
			e.value()
		}
	case '"':
		e.text(e.Text())
	default:
		e.Skip()
	}
}

func (e *examiner) text(text []byte) {
	e.find(hidden.Find(text))
	e.find(injection.Find(text))
	e.words(text)
}

func (e *examiner) find(found []filters.Finding) {
	for _, f := range found {
		if len(e.out.findings) >= maxFindings {
			return
		}
		f.Pointer = e.Pointer()
		e.out.findings = append(e.out.findings, f)
	}
}

// words keeps what may be the name of a tool: several words in one, as names of tools are.
func (e *examiner) words(text []byte) {
	for i := 0; i < len(text); {
		start, joined := i, false
		for i < len(text) && isWord(text[i]) {
			joined = joined || text[i] == '_' || text[i] == '-'
			i++
		}
		if joined && i-start >= minWord && len(e.out.words) < maxWords {
			if w := string(text[start:i]); !slices.Contains(e.out.words, w) {
				e.out.words = append(e.out.words, w)
			}
		}
		for i < len(text) && !isWord(text[i]) {
			i++
		}
	}
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// Examine looks through all texts of a definition that can be read.
func Examine(kind mcp.ItemKind, raw []byte) []filters.Finding { return examine(kind, raw).findings }

// Grave tells whether a finding quarantines a definition that nobody has approved.
func Grave(f filters.Finding) bool {
	return f.Severity == filters.SeverityHigh || f.Severity == filters.SeverityCritical
}
