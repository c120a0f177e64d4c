package answer

import (
	"strings"

	"bartizan/filters"
	"bartizan/filters/strictjson"
)

// Bounds of what is kept of an answer for its record. The upstream is foreign too.
const (
	maxToolCalls = 1024    // of one answer; beyond, they pass unnamed
	maxName      = 256     // bytes
	maxTokens    = 1 << 40 // no count is that large; beyond, sums could overflow
)

// Name copies a name, bounded and without breaking a rune.
func Name(b []byte) string {
	if len(b) > maxName {
		return strings.ToValidUTF8(string(b[:maxName]), "")
	}
	return string(b)
}

// SetName keeps a name if there is one.
func SetName(dst *string, b []byte) {
	if len(b) > 0 {
		*dst = Name(b)
	}
}

// SetTokens reads a count of tokens into dst, and leaves dst as it is where there is no sensible one.
func SetTokens(d *strictjson.Decoder, dst *int64) {
	if n, ok := d.MaybeInt64(); ok && n >= 0 && n <= maxTokens {
		*dst = n
	}
}

// AddToolCall appends a call as long as there are not too many.
func AddToolCall(calls []filters.ToolCall, c ...filters.ToolCall) []filters.ToolCall {
	return append(calls, c[:min(len(c), max(0, maxToolCalls-len(calls)))]...)
}

// Replace sets dst where there is something to set.
func Replace(dst *string, s string) {
	if s != "" {
		*dst = s
	}
}
