package gemini

import "bartizan/filters"

// tool reads one entry of tools[]: an object in which each member switches something on.
func (r *reader) tool() {
	for name := range r.object() {
		switch string(name) {
		case "functionDeclarations":
			r.each(r.function)
		case "mcpServers":
			r.each(r.mcpServer)
		default:
			r.provided(string(name))
		}
	}
}

// function reads one of the caller's own tools: {name, description, parameters, …}.
func (r *reader) function() {
	t := filters.Tool{Type: "custom"}
	first, mark := len(r.Blocks), r.Mark()
	definition := filters.Block{Origin: filters.OriginToolDefinition}
	for name := range r.object() {
		switch string(name) {
		case "name":
			t.Name = r.String()
		case "description":
			r.AddText(definition)
		case "behavior":
		default: // parameters and response, as schema of the API or as JSON schema
			r.AddJSON(definition)
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

// provided reads a tool that the provider brings. The caller's credentials for it are left where they are.
func (r *reader) provided(kind string) {
	definition := filters.Block{Origin: filters.OriginToolDefinition, Name: kind}
	if r.Kind() == '{' {
		for name := range r.object() {
			switch string(name) {
			case "apiKey", "authConfig":
			default:
				r.AddJSON(definition)
			}
		}
	} else {
		r.AddJSON(definition)
	}
	if r.Err() != nil {
		return
	}
	r.Tool(filters.Tool{Name: kind, Type: kind, Pointer: r.Pointer()})
	r.Declare(filters.Declaration{Kind: filters.DeclaresServerTool, Name: kind, Pointer: r.Pointer()})
}

// mcpServer reads a server that the provider connects to by itself. The headers that it is to send, among them credentials, are left
// where they are.
func (r *reader) mcpServer() {
	d := filters.Declaration{Kind: filters.DeclaresMCPServer}
	for name := range r.object() {
		switch string(name) {
		case "name":
			d.Name = r.String()
		case "streamableHttpTransport":
			for name := range r.object() {
				if string(name) == "url" {
					d.URL = r.String()
				}
			}
		}
	}
	d.Pointer = r.Pointer()
	r.Declare(d)
}
