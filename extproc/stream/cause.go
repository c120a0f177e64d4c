package stream

import (
	"slices"

	"bartizan/filters"
)

// joinRequest finds out what a tools/call would carry out, be it admitted or not, which tool results a request to a model
// brings, and which try of its turn that is, before rules read it. At the endpoint for all servers nothing is carried out: that is left to the requests that follow from it.
func (m *Machine) joinRequest(admitted bool) {
	switch {
	case m.x.Route.Aggregate:
	case m.x.LLM != nil && admitted:
		m.x.LLM.ToolResults = m.cfg.Causes.Returned(&m.x)
		m.turn = m.cfg.Tries.Try(&m.x)
	case m.x.MCP != nil && m.x.MCP.Tool.Name != "":
		m.x.MCP.Cause = m.cfg.Causes.Cause(&m.x)
	}
}

// joinAnswer tells of the tool calls in a model's answer as they become complete and pass, before the bytes pass that complete them: the
// tools/call may come to another replica at once. At the end of the answer it tells of all.
func (m *Machine) joinAnswer(end bool) {
	calls := m.x.Response.ToolCalls
	next := m.asked
	for next < len(calls) && (end || calls[next].Complete) {
		next++
	}
	came := slices.DeleteFunc(slices.Clone(calls[m.asked:next]), func(c filters.ToolCall) bool { return c.Withheld })
	if m.asked = next; len(came) > 0 {
		m.cfg.Causes.Asked(&m.x, came)
	}
}
