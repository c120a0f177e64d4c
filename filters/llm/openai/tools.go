package openai

import (
	"bartizan/filters"
	"bartizan/filters/llm/internal/request"
)

// tool reads one entry of tools[]: {type, <type>: {name, …}}. The caller's own are of type function or custom; any other type
// is the provider's tool, which the request switches on.
func (r *reader) tool() {
	var kind string
	t := filters.Tool{Type: "custom"}
	server := filters.Declaration{Kind: filters.DeclaresMCPServer}
	first, mark, tools := len(r.Blocks), r.Mark(), len(r.LLM.Tools)
	for name := range r.Object() {
		switch member := string(name); member {
		case "type":
			kind = r.String()
		case "name":
			t.Name = string(r.MaybeText())
		case "function", "custom":
			r.function(filters.Tool{Type: "custom"})
		default:
			connector(r.Builder, &server, member)
		}
	}
	if r.Err() != nil {
		return
	}
	if own := kind == "function" || kind == "custom"; own && len(r.LLM.Tools) > tools {
		return
	}
	if kind == "" {
		r.Fail("want a tool with a type")
		return
	}
	t.Type, t.Pointer = kind, r.Pointer()
	r.LLM.Tools = r.LLM.Tools[:tools]
	r.Tool(t)
	r.AddRest(first, mark, filters.Block{Origin: filters.OriginToolDefinition, Name: t.Name})
	if kind == "mcp" {
		server.Pointer = t.Pointer
		r.Declare(server)
		return
	}
	r.Declare(filters.Declaration{Kind: filters.DeclaresServerTool, Name: kind, Pointer: t.Pointer})
}

// connector reads a member of a tool of type mcp into its declaration. The server's authorization and headers are left where they are.
func connector(r *request.Builder, d *filters.Declaration, member string) {
	switch member {
	case "server_label":
		d.Name = string(r.MaybeText())
	case "server_url":
		address(r, d, &d.URL)
	case "connector_id", "tunnel_id":
		address(r, d, &d.Connector)
	case "allowed_tools":
		d.Tools = r.OnlyTools()
	}
}

// address reads where a server is. Of two addresses nobody knows which the provider takes.
func address(r *request.Builder, d *filters.Declaration, to *string) {
	text := r.MaybeText()
	switch {
	case len(text) == 0:
	case d.URL != "" || d.Connector != "":
		r.Fail("want one of server_url, connector_id and tunnel_id")
	default:
		*to = string(text)
	}
}

// function reads {name, description, parameters} or {name, description, format}.
func (r *reader) function(t filters.Tool) {
	first, mark := len(r.Blocks), r.Mark()
	definition := filters.Block{Origin: filters.OriginToolDefinition}
	for name := range r.Object() {
		switch string(name) {
		case "name":
			t.Name = r.String()
		case "description":
			if !r.Null() {
				r.AddText(definition)
			}
		case "parameters", "format":
			if !r.Null() {
				r.AddJSON(definition)
			}
		case "cache_control":
		default: // of another server's, whose template may show it to the model
			r.other(definition)
		}
	}
	if r.Err() != nil {
		return
	}
	t.Pointer = r.Pointer()
	if len(r.Blocks) == first {
		r.AddRest(first, mark, definition)
	}
	for i := first; i < len(r.Blocks); i++ {
		r.Blocks[i].Name = t.Name
	}
	r.Tool(t)
}

// calls reads the tool calls of an assistant's turn.
func (r *reader) calls() {
	if r.Null() {
		return
	}
	for range r.Array() {
		first, mark, id, tool := len(r.Blocks), r.Mark(), "", ""
		for name := range r.Object() {
			switch string(name) {
			case "id":
				id = string(r.MaybeText())
			case "function", "custom":
				tool = r.called()
			}
		}
		if len(r.Blocks) == first {
			r.AddRest(first, mark, filters.Block{Origin: filters.OriginToolCall, Name: tool})
		}
		for i := first; i < len(r.Blocks); i++ {
			r.Blocks[i].CallID = id
		}
		r.Called(id, tool)
	}
}

// called reads {name, arguments} or {name, input}. Arguments are JSON inside of a string, a custom tool's input is free text.
func (r *reader) called() (name string) {
	first := len(r.Blocks)
	for member := range r.Object() {
		switch string(member) {
		case "name":
			name = r.String()
		case "arguments":
			r.AddString("application/json", filters.Block{Origin: filters.OriginToolCall})
		case "input":
			r.AddText(filters.Block{Origin: filters.OriginToolCall})
		}
	}
	for i := first; i < len(r.Blocks); i++ {
		r.Blocks[i].Name = name
	}
	return name
}
