package openai

import (
	"bartizan/filters"
	"bartizan/filters/llm/internal/request"
)

// decodeChat reads the body of a chat completion request.
func decodeChat(x *filters.Exchange, body []byte) error {
	r := &reader{Builder: request.New(x, body)}
	messages := false
	for name := range r.Fields() {
		switch string(name) {
		case "model":
			r.LLM.Model = r.String()
		case "messages":
			messages = true
			r.LLM.Messages += r.Each(r.message)
		default:
			r.member(string(name))
		}
	}
	if r.limit > 0 {
		r.LLM.MaxTokens = r.limit
	}
	r.Suffix()
	return r.Finish(x, messages)
}

// reader reads one request.
type reader struct {
	*request.Builder
	limit int64 // max_completion_tokens, which goes before the older max_tokens
}

// member reads a member of the request other than model and messages. Null is as good as absent.
func (r *reader) member(name string) {
	if r.Null() {
		return
	}
	switch name {
	case "stream":
		r.LLM.Stream = r.Bool()
	case "max_tokens":
		r.LLM.MaxTokens = r.Int64()
	case "max_completion_tokens":
		r.limit = r.Int64()
	case "user":
		r.UserID = r.String()
	case "prompt_cache_key":
		r.CacheKey = string(r.MaybeText())
	case "response_format":
		r.AddFormat()
	case "tools":
		r.Each(r.tool)
	case "functions": // before tools
		for range r.Array() {
			r.function(filters.Tool{Type: "custom"})
		}
	case "web_search_options":
		r.Skip()
		r.Declare(filters.Declaration{Kind: filters.DeclaresServerTool, Name: "web_search_options", Pointer: r.Pointer()})
	case "prediction":
		r.prediction()
	case "documents", "chat_template", "chat_template_kwargs": // of servers that make the prompt by a template
		r.other(filters.Block{Role: "user", Origin: filters.OriginUser})
	default:
		r.Router(name, r.member)
	}
}

// prediction reads text that the caller expects the model to answer.
func (r *reader) prediction() {
	for name := range r.Object() {
		if string(name) == "content" {
			r.content(filters.OriginUser, "user")
		}
	}
}

// message reads one turn. Its role may stand behind its content, and is written into the blocks at the end.
func (r *reader) message() {
	var role, speaker, id string
	first := len(r.Blocks)
	for name := range r.Object() {
		switch string(name) {
		case "role":
			role = r.String()
		case "tool_call_id":
			id = string(r.MaybeText())
		case "name":
			speaker = string(r.MaybeText())
		case "content":
			r.content("", "")
		case "refusal", "reasoning_content": // what the model said beside its content; the second is other providers'
			r.said(filters.Block{})
		case "tool_calls":
			r.calls()
		case "function_call":
			if !r.Null() {
				r.called()
			}
		case "audio":
			if !r.Null() {
				r.AddJSON(filters.Block{})
			}
		case "cache_control":
		default: // of another server's, whose template may show it to the model
			r.other(filters.Block{})
		}
	}
	if role == "" {
		r.Fail("want a message with a role")
		return
	}
	r.settle(r.Blocks[first:], role, speaker, id)
}

// said reads text, or keeps what stands in its place.
func (r *reader) said(block filters.Block) {
	switch {
	case r.Null():
	case r.Kind() == '"':
		r.AddText(block)
	default:
		r.AddJSON(block)
	}
}

// other collects a member that is not known, if it can carry content.
func (r *reader) other(block filters.Block) {
	switch r.Kind() {
	case '"':
		r.AddText(block)
	case '[', '{':
		r.AddSome(block)
	}
}

// settle gives the blocks of a message its role, and the origin that follows from it where their kind implied none. name is who
// speaks; of a result, the tool.
func (r *reader) settle(blocks []filters.Block, role, name, id string) {
	origin := filters.OriginUser
	switch role {
	case "assistant":
		origin = filters.OriginAssistant
	case "system", "developer":
		origin = filters.OriginSystem
	case "tool", "function":
		origin = filters.OriginToolResult
	}
	for i := range blocks {
		b := &blocks[i]
		b.Role = role
		if b.Origin == "" || origin == filters.OriginToolResult {
			b.Origin = origin
		}
		if origin == filters.OriginToolResult {
			b.Name, b.CallID = name, id
		}
	}
}
