package anthropic

import (
	"strconv"

	"bartizan/filters"
	"bartizan/filters/llm/internal/request"
)

// DecodeRequest reads the body of a message request into x.LLM, x.Blocks and x.Claimed. After an error x is as before.
func (Codec) DecodeRequest(x *filters.Exchange, body []byte) error {
	b := request.New(x, body)
	messages := Read(b)
	b.Suffix()
	return b.Finish(x, messages)
}

// reader reads one request.
type reader struct{ *request.Builder }

// member reads a member of the request other than messages. All but model may be null, as if absent.
func (r *reader) member(name string) {
	if name == "model" {
		r.LLM.Model = r.String()
		return
	}
	if r.Null() {
		return
	}
	switch name {
	case "system":
		first := len(r.Blocks)
		r.content(filters.OriginSystem)
		r.role(first, "system")
		r.listed(r.Blocks[first:])
	case "stream":
		r.LLM.Stream = r.Bool()
	case "max_tokens":
		r.LLM.MaxTokens = r.Int64()
	case "metadata":
		r.metadata()
	case "output_format":
		r.AddFormat()
	case "output_config":
		r.outputConfig()
	case "context_management":
		r.contextManagement()
	case "stop_sequences":
		if r.Kind() == '[' {
			for range r.Array() {
				r.Stop(r.MaybeText())
			}
		}
	case "tools":
		r.Each(r.tool)
	case "mcp_servers":
		for range r.Array() {
			r.mcpServer()
		}
	case "container":
		r.container()
	case "fallbacks":
		r.fallbacks()
	case "anthropic_beta": // of providers that pass no headers on
		for _, name := range r.Strings() {
			r.Beta(name)
		}
	default:
		r.Router(name, r.member)
	}
}

// outputConfig reads {effort, format}.
func (r *reader) outputConfig() {
	if r.Kind() != '{' {
		return
	}
	for name := range r.Object() {
		if string(name) == "format" && !r.Null() {
			r.AddFormat()
		}
	}
}

// contextManagement reads {edits: [{type, instructions, …}]}: one tells a model what to keep of the conversation.
func (r *reader) contextManagement() {
	if r.Kind() != '{' {
		return
	}
	for name := range r.Object() {
		if string(name) != "edits" || r.Kind() != '[' {
			continue
		}
		for range r.Array() {
			if r.Kind() != '{' {
				continue
			}
			for member := range r.Object() {
				block := filters.Block{Role: "user", Origin: filters.OriginUser}
				if string(member) == "instructions" && !r.text("text/plain", block) {
					r.AddJSON(block)
				}
			}
		}
	}
}

func (r *reader) metadata() {
	for name := range r.Object() {
		if string(name) == "user_id" && !r.Null() {
			r.UserID = r.String()
		}
	}
}

func (r *reader) messages() { r.LLM.Messages += r.Each(r.message) }

// message reads one turn. Its role may stand behind its content, and is written into the blocks at the end.
func (r *reader) message() {
	var (
		role    string
		content bool
		first   = len(r.Blocks)
	)
	for name := range r.Object() {
		switch string(name) {
		case "role":
			role = r.String()
		case "content":
			content = true
			r.content("")
		}
	}
	if role == "" || !content {
		r.Fail("want a message with role and content")
		return
	}
	r.role(first, role)
	r.listed(r.Blocks[first:])
}

// role gives the blocks from first on their role, and the origin that follows from it where their type implied none.
func (r *reader) role(first int, role string) {
	origin := filters.OriginUser
	switch role {
	case "assistant":
		origin = filters.OriginAssistant
	case "system":
		origin = filters.OriginSystem
	}
	for i := first; i < len(r.Blocks); i++ {
		r.Blocks[i].Role = role
		if r.Blocks[i].Origin == "" {
			r.Blocks[i].Origin = origin
		}
	}
}

// container reads {id, skills} or an id.
func (r *reader) container() {
	if r.Kind() == '"' {
		r.Declare(filters.Declaration{Kind: filters.DeclaresContainer, Name: r.String(), Pointer: r.Pointer()})
		return
	}
	var id string
	for name := range r.Object() {
		switch {
		case string(name) == "id":
			id = string(r.MaybeText())
		case string(name) == "skills" && r.Kind() == '[':
			for range r.Array() {
				r.named(filters.DeclaresSkill, "skill_id")
			}
		}
	}
	r.Declare(filters.Declaration{Kind: filters.DeclaresContainer, Name: id, Pointer: r.Pointer()})
}

// fallbacks reads a list of {model}, or the word "default" for the provider's own choice.
func (r *reader) fallbacks() {
	if r.Kind() == '"' {
		r.Declare(filters.Declaration{Kind: filters.DeclaresFallback, Name: r.String(), Pointer: r.Pointer()})
		return
	}
	for i := range r.Array() {
		if r.Kind() == '"' {
			r.Declare(filters.Declaration{Kind: filters.DeclaresFallback, Name: r.String(), Pointer: "/fallbacks/" + strconv.Itoa(i)})
		} else {
			r.named(filters.DeclaresFallback, "model")
		}
	}
}

// named reads an object and declares it under the name in its member key.
func (r *reader) named(kind, key string) {
	d := filters.Declaration{Kind: kind}
	for name := range r.Object() {
		if string(name) == key {
			d.Name = r.String()
		}
	}
	d.Pointer = r.Pointer()
	r.Declare(d)
}

// onlyTools reads {enabled, allowed_tools}.
func (r *reader) onlyTools(d *filters.Declaration) {
	if r.Null() {
		return
	}
	for name := range r.Object() {
		if string(name) == "allowed_tools" && !r.Null() {
			d.Tools = r.Strings()
		}
	}
}

// mcpServer reads a server that the provider connects to by itself. Its authorization_token is left where it is.
func (r *reader) mcpServer() {
	d := filters.Declaration{Kind: filters.DeclaresMCPServer}
	for name := range r.Object() {
		switch string(name) {
		case "name":
			d.Name = r.String()
		case "url":
			d.URL = r.String()
		case "tool_configuration": // before mcp_toolset
			r.onlyTools(&d)
		}
	}
	d.Pointer = r.Pointer()
	r.Declare(d)
}
