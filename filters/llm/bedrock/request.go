package bedrock

import (
	"iter"

	"bartizan/filters"
	"bartizan/filters/llm/anthropic"
	"bartizan/filters/llm/internal/request"
)

// reader reads one request.
type reader struct{ *request.Builder }

func newReader(x *filters.Exchange, model string, body []byte) *reader {
	r := &reader{request.New(x, body)}
	r.LLM.Model, r.LLM.Stream = model, streams(x.Route.Operation)
	if isPrompt(model) {
		r.Declare(filters.Declaration{Kind: filters.DeclaresHistory, Name: model})
	}
	return r
}

// decodeConverse reads the body of Converse and ConverseStream.
func decodeConverse(x *filters.Exchange, model string, body []byte) error {
	r := newReader(x, model, body)
	messages := r.converse(r.Fields())
	return r.Finish(x, messages || isPrompt(model))
}

// converse reads the members of a conversation and tells whether there are messages among them. A member may be null, as if absent.
func (r *reader) converse(members iter.Seq[[]byte]) (messages bool) {
	for name := range members {
		if r.Null() {
			continue
		}
		switch string(name) {
		case "messages":
			messages = true
			r.LLM.Messages += r.Each(r.message)
		case "system":
			first := len(r.Blocks)
			r.parts(filters.OriginSystem)
			r.settle(first, "system", filters.OriginSystem)
		case "toolConfig":
			r.toolConfig()
		case "inferenceConfig":
			r.inferenceConfig()
		case "promptVariables":
			r.promptVariables()
		case "additionalModelRequestFields":
			r.extra()
		}
	}
	return messages
}

// message reads one turn. Its role may stand behind its content, and is written into the blocks at the end.
func (r *reader) message() {
	var role string
	content, first := false, len(r.Blocks)
	for name := range r.Object() {
		switch string(name) {
		case "role":
			role = r.String()
		case "content":
			content = true
			r.parts("")
		}
	}
	if role == "" || !content {
		r.Fail("want a message with role and content")
		return
	}
	origin := filters.OriginUser
	switch role {
	case "assistant":
		origin = filters.OriginAssistant
	case "system":
		origin = filters.OriginSystem
	}
	r.settle(first, role, origin)
}

// settle gives the blocks from first on their role, and the origin that follows from it where their member implied none.
func (r *reader) settle(first int, role string, origin filters.Origin) {
	for i := first; i < len(r.Blocks); i++ {
		r.Blocks[i].Role = role
		if r.Blocks[i].Origin == "" {
			r.Blocks[i].Origin = origin
		}
	}
}

func (r *reader) inferenceConfig() {
	for name := range r.Object() {
		if string(name) == "maxTokens" && !r.Null() {
			r.LLM.MaxTokens = r.Int64()
		}
	}
}

// promptVariables reads what is filled into a prompt that AWS keeps: {NAME: {text}}.
func (r *reader) promptVariables() {
	first := len(r.Blocks)
	for range r.Object() {
		if !r.Null() {
			r.part("")
		}
	}
	r.settle(first, "user", filters.OriginUser)
}

// extra reads the fields that go to the model as they are. Which they may be depends on the model: they are kept whole, and what has
// the name of a field of Anthropic's is read as that besides, since it switches on tools, servers and other models.
func (r *reader) extra() {
	first, mark := len(r.Blocks), r.Mark()
	if r.Kind() != '{' {
		r.AddJSON(filters.Block{Role: "user", Origin: filters.OriginUser})
		r.Declare(filters.Declaration{Kind: filters.DeclaresExtraBody, Pointer: r.Pointer()})
		return
	}
	for name := range r.Object() {
		field := string(name)
		r.Declare(filters.Declaration{Kind: filters.DeclaresExtraBody, Name: field, Pointer: r.Pointer()})
		anthropic.ReadField(r.Builder, field)
	}
	r.settle(first, "user", filters.OriginUser)
	r.AddRest(len(r.Blocks), mark, filters.Block{Role: "user", Origin: filters.OriginUser})
}
