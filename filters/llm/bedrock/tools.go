package bedrock

import "bartizan/filters"

// toolConfig reads {tools, toolChoice}.
func (r *reader) toolConfig() {
	for name := range r.Object() {
		if string(name) == "tools" && !r.Null() {
			r.Each(r.tool)
		}
	}
}

// tool reads one entry of tools[], which is named by the one member that it has: a tool of the caller's (toolSpec), a mark for the cache,
// or a tool that the provider brings (systemTool, and whatever comes after it), which is a declaration.
func (r *reader) tool() {
	for member := range r.Object() {
		switch kind := r.Kind(); {
		case kind == 'n', string(member) == "cachePoint":
		case string(member) == "toolSpec" && kind == '{':
			r.toolSpec()
		default:
			r.provided(string(member))
		}
	}
}

// toolSpec reads {name, description, inputSchema: {json}, strict}.
func (r *reader) toolSpec() {
	t := filters.Tool{Type: "custom"}
	first, mark, whole := len(r.Blocks), r.Mark(), false
	block := filters.Block{Origin: filters.OriginToolDefinition}
	for member := range r.Object() {
		switch kind := r.Kind(); {
		case string(member) == "name":
			t.Name = r.String()
		case kind == 'n', string(member) == "strict":
		case string(member) == "description" && kind == '"':
			r.AddText(block)
		case string(member) == "inputSchema":
			r.AddJSON(block)
		default:
			whole = true
		}
	}
	t.Pointer = r.Pointer()
	if whole || len(r.Blocks) == first {
		r.AddRest(first, mark, block)
	}
	for i := first; i < len(r.Blocks); i++ {
		r.Blocks[i].Name = t.Name
	}
	r.Tool(t)
}

// provided declares a tool that the provider brings: by its name, or by that of the member if it has none.
func (r *reader) provided(member string) {
	name, mark := "", r.Mark()
	if r.Kind() == '{' {
		for m := range r.Object() {
			if string(m) == "name" {
				name = string(r.MaybeText())
			}
		}
	} else {
		r.Skip()
	}
	pointer := r.Pointer()
	if name == "" {
		name = member
	}
	r.AddRest(len(r.Blocks), mark, filters.Block{Origin: filters.OriginToolDefinition, Name: name})
	r.Tool(filters.Tool{Name: name, Type: name, Pointer: pointer})
	r.Declare(filters.Declaration{Kind: filters.DeclaresServerTool, Name: name, Pointer: pointer})
}
