package responses

import (
	"cmp"
	"strings"

	"bartizan/filters"
)

// item is what an input item says of itself.
type item struct {
	kind, role, id, callID  string
	name, namespace, server string
}

// item reads one item of the input. Its type may stand behind its content: so content is collected by the members' names, and the type
// decides at the end where it comes from, or that the item is kept whole.
func (r *reader) item() {
	var it item
	first, mark, tools, declared := len(r.Blocks), r.Mark(), len(r.LLM.Tools), len(r.LLM.Declarations)
	for name := range r.Object() {
		switch string(name) {
		case "type":
			it.kind = r.String()
		case "role":
			it.role = string(r.MaybeText())
		case "id":
			it.id = string(r.MaybeText())
		case "call_id":
			it.callID = string(r.MaybeText())
		case "name":
			it.name = string(r.MaybeText())
		case "namespace":
			it.namespace = string(r.MaybeText())
		case "server_label":
			it.server = string(r.MaybeText())
		default:
			r.itemMember(string(name))
		}
	}
	if r.Err() != nil {
		return
	}
	if it.reference() {
		r.declare(filters.DeclaresHistory, it.id)
		return
	}
	if it.kind == "" && it.role != "" { // a message needs no type
		it.kind = "message"
	}
	nothing := len(r.Blocks) == first && len(r.LLM.Tools) == tools && len(r.LLM.Declarations) == declared
	if nothing || !it.known() {
		r.AddRest(first, mark, filters.Block{})
	}
	r.settle(it, r.Blocks[first:], r.LLM.Tools[tools:])
}

// itemMember collects a member that can carry content. Where it can only be of a call or of its result, that is its origin.
func (r *reader) itemMember(name string) {
	call, result := filters.Block{Origin: filters.OriginToolCall}, filters.Block{Origin: filters.OriginToolResult}
	switch name {
	case "content", "summary":
		r.content(filters.Block{})
	case "encrypted_content":
		r.sealed(filters.Block{})
	case "arguments": // JSON inside of a string; of a search for tools as it is
		r.text("application/json", call)
	case "input", "code", "revised_prompt":
		r.text("text/plain", call)
	case "action", "actions", "operation", "queries", "pending_safety_checks":
		r.AddSome(call)
	case "output":
		r.content(result)
	case "result", "error":
		r.text("text/plain", result)
	case "outputs", "results", "acknowledged_safety_checks":
		r.AddSome(result)
	case "tools":
		r.tools()
	}
}

// reference tells whether the item only names one that lies at the provider; its type may be absent.
func (it *item) reference() bool {
	return it.kind == "item_reference" || it.kind == "" && it.role == "" && it.id != ""
}

// known tells whether all content of an item of this type stands in the members that itemMember collects.
func (it *item) known() bool {
	switch it.kind {
	case "message", "reasoning", "compaction", "mcp_list_tools", "additional_tools", "tool_search_output",
		"function_call", "custom_tool_call", "tool_search_call", "computer_call", "shell_call", "local_shell_call", "apply_patch_call",
		"code_interpreter_call", "file_search_call", "web_search_call", "image_generation_call", "mcp_call", "mcp_approval_request", "program",
		"function_call_output", "custom_tool_call_output", "computer_call_output", "shell_call_output", "local_shell_call_output",
		"apply_patch_call_output", "program_output":
		return true
	}
	return false
}

func isCall(kind string) bool {
	return strings.HasSuffix(kind, "_call") || kind == "mcp_approval_request" || kind == "program"
}

func isOutput(kind string) bool {
	return strings.HasSuffix(kind, "_call_output") || kind == "program_output"
}

// settle writes into the blocks of one item, and into the tools that it lists, what it says of itself.
func (r *reader) settle(it item, blocks []filters.Block, tools []filters.Tool) {
	role, origin, id, tool := it.role, originOf(it.role), "", ""
	switch {
	case it.kind == "mcp_list_tools":
		for i := range tools {
			tools[i].Name, tools[i].Type = joined(it.server, tools[i].Name), "mcp"
		}
	case isCall(it.kind):
		role, origin, id, tool = "assistant", filters.OriginToolCall, it.call(), it.tool()
		r.Called(id, tool)
	case isOutput(it.kind):
		role, origin, id = "tool", filters.OriginToolResult, it.call()
		tool = joined(it.namespace, it.name)
	case it.kind == "reasoning", it.kind == "compaction":
		role, origin = "assistant", filters.OriginAssistant
	}
	for i := range blocks {
		b := &blocks[i]
		if b.Origin == filters.OriginToolDefinition {
			b.Name = joined(it.server, b.Name)
			continue
		}
		if b.Origin == "" || origin == filters.OriginToolResult { // what comes through a tool stays a tool's, even a document
			b.Origin = origin
		}
		if b.Origin == filters.OriginToolResult && it.kind == "image_generation_call" {
			b.MediaType = "application/octet-stream"
		}
		b.Role, b.Name, b.CallID = role, tool, id
	}
}

// call is the id by which a call and its result name each other.
func (it *item) call() string { return cmp.Or(it.callID, it.id) }

// tool names the tool of a call.
func (it *item) tool() string { return toolName(it.kind, cmp.Or(it.namespace, it.server), it.name) }

func originOf(role string) filters.Origin {
	switch role {
	case "assistant":
		return filters.OriginAssistant
	case "system", "developer":
		return filters.OriginSystem
	case "tool":
		return filters.OriginToolResult
	default:
		return filters.OriginUser
	}
}
