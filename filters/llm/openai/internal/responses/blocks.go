package responses

import (
	"math"
	"slices"
	"strconv"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
)

// block is the part of a text; c says what it is where the event does.
func (f *found) block(c *content) *answer.Part {
	p := textPart(f.output, "content", f.content)
	if f.summarizes {
		p = textPart(f.output, "summary", f.summary)
	}
	if f.summarizes || c != nil && c.kind == "reasoning_text" {
		p.Kind = answer.Fixed
	}
	return p
}

func textPart(output int64, list string, index int64) *answer.Part {
	return &answer.Part{Block: filters.Block{
		Role: "assistant", Origin: filters.OriginAssistant, MediaType: "text/plain",
		Pointer: "/output/" + strconv.FormatInt(output, 10) + "/" + list + "/" + strconv.FormatInt(index, 10),
	}}
}

// jsonPart is a value of its own, as it stands in the answer.
func jsonPart(output int64, origin filters.Origin) *answer.Part {
	return &answer.Part{Kind: answer.Other, Block: filters.Block{
		Role: "assistant", Origin: origin, MediaType: "application/json", Pointer: "/output/" + strconv.FormatInt(output, 10),
	}}
}

func (o *output) block(index int64, list string, i int) *answer.Part {
	p := textPart(index, list, int64(i))
	if o.kind == "reasoning" {
		p.Kind = answer.Fixed
	}
	return p
}

// callPart is a call: one that the client would carry out can be replaced by a text, one that the provider carries out cannot.
func (r *reading) callPart(index int64, o *output) *answer.Part {
	p := jsonPart(index, filters.OriginToolCall)
	p.Block.Name, p.Block.CallID = o.tool(), o.call()
	if o.kind == "custom_tool_call" || o.kind == "code_interpreter_call" || o.kind == "program" {
		p.Block.MediaType = "text/plain"
	}
	switch o.kind {
	case "mcp_call", "web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call", "program":
		return p
	}
	p.Kind, p.Call = answer.Call, math.MaxInt
	if place, ok := r.calls[index]; ok {
		p.Call = place
	}
	return p
}

// givenPart is what came of a call, in the item of the call or in one of its own; or the tools of a server.
func (r *reading) givenPart(index int64, o *output, m member) *answer.Part {
	p := jsonPart(index, filters.OriginToolResult)
	if m.text {
		p.Block.MediaType = "text/plain"
	}
	if o.kind == "image_generation_call" && m.name == "result" {
		p.Block.MediaType = "application/octet-stream"
	}
	b := &p.Block
	b.Pointer += "/" + m.name
	switch b.CallID = o.call(); {
	case m.name == "tools":
		b.Origin, b.Name, b.CallID = filters.OriginToolDefinition, o.server, ""
	case isCall(o.kind):
		b.Name = o.tool()
	default:
		calls := r.x.Response.ToolCalls
		if at := slices.IndexFunc(calls, func(c filters.ToolCall) bool { return c.ID == b.CallID }); at >= 0 {
			b.Name = calls[at].Name
		} else {
			b.Name = b.CallID
		}
	}
	return p
}
