package anthropic

import (
	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/llm/internal/request"
)

// Read reads a body of the Messages API into b, for a dialect that carries such bodies and names the model elsewhere. It tells whether
// there are messages.
func Read(b *request.Builder) (messages bool) {
	r := &reader{b}
	for name := range r.Fields() {
		switch string(name) {
		case "messages":
			messages = true
			r.messages()
		default:
			r.member(string(name))
		}
	}
	return messages
}

// ReadField reads one field of the Messages API that stands alone, and switches something on: tools, servers, other models, features.
// What has its name and another shape is left unread.
func ReadField(b *request.Builder, name string) {
	r := &reader{b}
	switch kind := r.Kind(); {
	case name == "model" && kind == '"':
		r.Declare(filters.Declaration{Kind: filters.DeclaresFallback, Name: r.String(), Pointer: r.Pointer()})
	case (name == "tools" || name == "mcp_servers" || name == "anthropic_beta") && kind == '[',
		name == "container" && (kind == '"' || kind == '{'), name == "fallbacks" && (kind == '"' || kind == '['):
		r.member(name)
	}
}

// Answer reads an answer of the Messages API to x, for such a dialect.
func Answer(x *filters.Exchange) answer.Dialect { return &reading{x: x} }
