package responses

import (
	"cmp"
	"strings"

	"bartizan/filters"
)

// joined is the name of a tool that belongs to a namespace or a server. A name in this API has no slash of its own.
func joined(group, name string) string {
	if group == "" || name == "" {
		return cmp.Or(name, group)
	}
	return group + "/" + name
}

// toolName names the tool of a call of this type: a tool of the provider's, whose calls carry no name, after the type.
func toolName(kind, group, name string) string {
	if name == "" && kind != "function_call" && kind != "custom_tool_call" {
		name = strings.TrimSuffix(kind, "_call")
	}
	return joined(group, name)
}

// tools reads a list of tools, wherever it stands: in the request, in items that add tools or answer a search for them, in a namespace.
func (r *reader) tools() {
	if r.Null() {
		return
	}
	for range r.Array() {
		r.tool()
	}
}

// tool is what a tool says of itself.
type tool struct {
	kind, name, server, connector, url string
	only                               []string // of a server's tools; nil: all
	addresses                          int      // of a server that are given
}

// tool reads one tool.
func (r *reader) tool() {
	var t tool
	first, mark, tools := len(r.Blocks), r.Mark(), len(r.LLM.Tools)
	for name := range r.Object() {
		switch string(name) {
		case "type":
			t.kind = r.String()
		case "name":
			t.name = string(r.MaybeText())
		case "server_label":
			t.server = string(r.MaybeText())
		case "server_url":
			r.address(&t, &t.url)
		case "connector_id", "tunnel_id":
			r.address(&t, &t.connector)
		case "allowed_tools":
			if r.Null() {
				break
			}
			value := r.Mark()
			t.only = r.OnlyTools()
			r.AddRest(len(r.Blocks), value, filters.Block{Origin: filters.OriginToolDefinition})
		default:
			r.toolMember(string(name))
		}
	}
	if r.Err() != nil {
		return
	}
	if t.partly() || len(r.Blocks) == first && !t.secretive() {
		r.AddRest(first, mark, filters.Block{Origin: filters.OriginToolDefinition})
	}
	r.provide(t, r.Blocks[first:], r.LLM.Tools[tools:])
}

// address reads where a server is. Of two addresses nobody knows which the provider takes.
func (r *reader) address(t *tool, to *string) {
	if text := r.MaybeText(); len(text) > 0 {
		*to = string(text)
		if t.addresses++; t.addresses > 1 {
			r.Fail("want one of server_url, connector_id and tunnel_id")
		}
	}
}

// toolMember collects a member that the model reads, or that switches something on.
func (r *reader) toolMember(name string) {
	definition := filters.Block{Origin: filters.OriginToolDefinition}
	switch name {
	case "description", "server_description":
		r.text("text/plain", definition)
	case "parameters", "input_schema", "output_schema", "format", "annotations":
		r.AddSome(definition)
	case "tools": // of a namespace
		r.tools()
	case "container":
		if r.Kind() == '"' {
			r.declare(filters.DeclaresContainer, r.String())
		} else {
			r.environment()
		}
	case "environment": // of a screen it is a word
		r.environment()
	case "vector_store_ids":
		r.each(filters.DeclaresFile)
	case "input_image_mask":
		if r.Kind() == '{' {
			r.part(definition)
		}
	case "model": // that a tool of the provider's asks
		if model := r.MaybeText(); len(model) > 0 {
			r.declare(filters.DeclaresAdvisor, string(model))
		}
	}
}

// partly tells whether more of the tool may be content than what toolMember collects.
func (t *tool) partly() bool {
	switch t.kind {
	case "function", "custom", "namespace", "":
		return false
	}
	return !t.secretive()
}

// secretive tells whether the tool has members for secrets (authorization, headers, domain_secrets), so that it is not kept whole.
func (t *tool) secretive() bool {
	switch t.kind {
	case "mcp", "shell", "code_interpreter":
		return true
	}
	return false
}

// provide notes the tool: the caller's own as a tool, a namespace in the names of the tools within, and what the provider brings as a
// declaration too.
func (r *reader) provide(t tool, blocks []filters.Block, within []filters.Tool) {
	at, name := r.Pointer(), cmp.Or(t.name, t.server)
	for i := range blocks {
		blocks[i].Name = joined(name, blocks[i].Name)
	}
	switch t.kind {
	case "namespace":
		for i := range within {
			within[i].Name = joined(name, within[i].Name)
		}
	case "function", "custom", "": // of a list of an MCP server's tools they have no type
		r.Tool(filters.Tool{Name: name, Type: "custom", Pointer: at})
	case "mcp":
		r.Tool(filters.Tool{Name: name, Type: t.kind, Pointer: at})
		r.Declare(filters.Declaration{Kind: filters.DeclaresMCPServer, Name: name, URL: t.url, Connector: t.connector, Tools: t.only, Pointer: at})
	default:
		r.Tool(filters.Tool{Name: name, Type: t.kind, Pointer: at})
		r.Declare(filters.Declaration{Kind: filters.DeclaresServerTool, Name: t.kind, Pointer: at})
	}
}
