package responses

import (
	"bartizan/filters"
	"bartizan/filters/llm/internal/request"
)

// DecodeRequest reads the body of a request into x.LLM, x.Blocks and x.Claimed.UserID. After an error x is as before.
//
// The model must be named, also where the API would take it from a stored prompt: else no rule about models would see it.
func (Codec) DecodeRequest(x *filters.Exchange, body []byte) error {
	r := &reader{request.New(x, body)}
	for name := range r.Fields() {
		r.member(string(name))
	}
	r.Suffix()
	return r.Finish(x, true) // an input may be absent: a stored prompt has one
}

// reader reads one request.
type reader struct{ *request.Builder }

// member reads a member of the request. All but model may be null, as if absent.
func (r *reader) member(name string) {
	if name == "model" {
		r.LLM.Model = r.String()
		return
	}
	if r.Null() {
		return
	}
	switch name {
	case "input":
		r.input()
	case "instructions":
		r.content(filters.Block{Role: "system", Origin: filters.OriginSystem})
	case "stream":
		r.LLM.Stream = r.Bool()
	case "max_output_tokens":
		r.LLM.MaxTokens = r.Int64()
	case "safety_identifier":
		r.UserID = r.String()
	case "user": // before safety_identifier
		if user := r.String(); r.UserID == "" {
			r.UserID = user
		}
	case "prompt_cache_key":
		r.CacheKey = string(r.MaybeText())
	case "client_metadata": // Codex's
		r.ClientMetadata(r.Value())
	case "tools":
		r.tools()
	case "text":
		r.format()
	default:
		r.elsewhere(name)
	}
}

// elsewhere reads a member that brings in turns and instructions that lie at the provider.
func (r *reader) elsewhere(name string) {
	switch name {
	case "previous_response_id":
		r.declare(filters.DeclaresHistory, r.String())
	case "conversation":
		if r.Kind() == '"' {
			r.declare(filters.DeclaresHistory, r.String())
		} else {
			r.stored()
		}
	case "prompt":
		r.stored()
	default:
		r.Router(name, r.member)
	}
}

// declare declares something of the value that was read last.
func (r *reader) declare(kind, name string) {
	r.Declare(filters.Declaration{Kind: kind, Name: name, Pointer: r.Pointer()})
}

// stored reads {id} of a conversation, or {id, version, variables} of a prompt. Variables are texts or parts of content.
func (r *reader) stored() {
	id := ""
	for name := range r.Object() {
		switch string(name) {
		case "id":
			id = r.String()
		case "variables":
			if r.Kind() != '{' {
				break
			}
			for range r.Object() {
				r.content(filters.Block{Role: "user", Origin: filters.OriginUser})
			}
		}
	}
	r.declare(filters.DeclaresHistory, id)
}

// format reads the shape that the answer is to have: the names and descriptions of its schema are read by the model.
func (r *reader) format() {
	if r.Kind() != '{' {
		return
	}
	for name := range r.Object() {
		if string(name) == "format" && !r.Null() {
			r.AddJSON(filters.Block{Role: "user", Origin: filters.OriginUser})
		}
	}
}

// input reads a text or a list of items.
func (r *reader) input() {
	if r.Kind() == '"' {
		r.LLM.Messages++
		r.AddText(filters.Block{Role: "user", Origin: filters.OriginUser})
		return
	}
	r.LLM.Messages += r.Each(r.item)
}
