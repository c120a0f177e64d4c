package redact

import "github.com/go-json-experiment/json/jsontext"

// walk calls change with every string of the valid JSON value raw that is a value, unescaped, and returns raw with those in their
// place that it wants changed.
func walk(raw []byte, change func(text []byte) (changed []byte, ok bool)) []byte {
	var out []byte
	kept := 0
	for i := 0; i < len(raw); i++ {
		if raw[i] != '"' {
			continue
		}
		end := stringEnd(raw, i)
		if !isName(raw[end:]) {
			text, err := jsontext.AppendUnquote(nil, raw[i:end])
			if changed, ok := change(text); err == nil && ok {
				out = append(append(out, raw[kept:i]...), quote(changed)...)
				kept = end
			}
		}
		i = end - 1
	}
	return append(out, raw[kept:]...)
}

// stringEnd is behind the string that begins at i.
func stringEnd(raw []byte, i int) int {
	for i++; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(raw)
}

// isName tells whether what stands before rest is the name of a member.
func isName(rest []byte) bool {
	for _, c := range rest {
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c == ':'
		}
	}
	return false
}
