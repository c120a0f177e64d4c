package anthropic

import "bartizan/filters"

// tool reads one entry of tools[]. The caller's own tools have type "custom" or none; with any other type the provider brings
// the tool, and the request switches it on: that is a declaration.
func (r *reader) tool() {
	var toolset, model string
	t := filters.Tool{Type: "custom"}
	first, mark := len(r.Blocks), r.Mark()
	definition := filters.Block{Origin: filters.OriginToolDefinition}
	for name := range r.Object() {
		switch string(name) {
		case "type":
			if !r.Null() {
				t.Type = r.String()
			}
		case "name":
			t.Name = r.String()
		case "description":
			if !r.Null() {
				r.AddText(definition)
			}
		case "input_schema", "input_examples":
			r.AddJSON(definition)
		case "mcp_server_name":
			toolset = string(r.MaybeText())
		case "model":
			model = string(r.MaybeText())
		}
	}
	if r.Err() != nil {
		return
	}
	t.Pointer = r.Pointer()
	if t.Type != "custom" || len(r.Blocks) == first {
		r.AddRest(first, mark, definition)
	}
	for i := first; i < len(r.Blocks); i++ {
		r.Blocks[i].Name = t.Name
	}
	r.Tool(t)
	if t.Type != "custom" {
		r.provided(t, toolset, model)
	}
}

// provided declares a tool that the provider brings: an MCP toolset by its server, any other by its type; and the model that
// an advisor asks, since no model rule would see it otherwise.
func (r *reader) provided(t filters.Tool, toolset, model string) {
	if t.Type == "mcp_toolset" {
		r.Declare(filters.Declaration{Kind: "mcp_toolset", Name: toolset, Pointer: t.Pointer})
		return
	}
	r.Declare(filters.Declaration{Kind: "server_tool", Name: t.Type, Pointer: t.Pointer})
	if model != "" {
		r.Declare(filters.Declaration{Kind: "advisor_model", Name: model, Pointer: t.Pointer + "/model"})
	}
}
