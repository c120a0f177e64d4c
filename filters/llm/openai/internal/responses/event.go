package responses

// what an event is about.
type what int

const (
	nothing     what = iota // of a type that tells only how something goes, or that nobody knows yet
	itemAdded               // an item of the output begins
	itemDone                // and is there, whole
	response                // the response, as far as it is there
	ended                   // and as it has ended
	failed                  // an error
	partAdded               // a part of a message or of reasoning begins
	partDone                //
	partDelta               // text of it
	partSaid                // and all of its text
	summaryText             // the same of a summary of reasoning
	callDelta               // of what a call asks for
	callSaid                // all of that
	callDraft               // of what a call asks for, in another shape than the item has it
	givenDraft              // of what came of a call, likewise
	annotation              // of a text
)

// whatOf tells by the type.
func whatOf(kind []byte) what {
	switch string(kind) {
	case "response.output_item.added":
		return itemAdded
	case "response.output_item.done":
		return itemDone
	case "response.created", "response.queued", "response.in_progress":
		return response
	case "response.completed", "response.incomplete", "response.failed":
		return ended
	case "error":
		return failed
	case "response.content_part.added", "response.reasoning_summary_part.added":
		return partAdded
	case "response.content_part.done", "response.reasoning_summary_part.done":
		return partDone
	case "response.output_text.delta", "response.refusal.delta", "response.reasoning_text.delta", "response.reasoning_summary_text.delta":
		return partDelta
	case "response.output_text.done", "response.refusal.done", "response.reasoning_text.done", "response.reasoning_summary_text.done":
		return partSaid
	case "response.function_call_arguments.delta", "response.custom_tool_call_input.delta", "response.mcp_call_arguments.delta",
		"response.code_interpreter_call_code.delta":
		return callDelta
	case "response.function_call_arguments.done", "response.custom_tool_call_input.done", "response.mcp_call_arguments.done",
		"response.code_interpreter_call_code.done":
		return callSaid
	case "response.shell_call_command.added", "response.shell_call_command.delta", "response.shell_call_command.done",
		"response.apply_patch_call_operation_diff.delta", "response.apply_patch_call_operation_diff.done":
		return callDraft
	case "response.shell_call_output_content.delta", "response.shell_call_output_content.done":
		return givenDraft
	case "response.output_text.annotation.added":
		return annotation
	}
	return nothing
}
