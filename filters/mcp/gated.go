package mcp

import (
	"bartizan/filters"
)

// note keeps what the gate said for the record, unless it is a plain yes.
func note(x *filters.Exchange, item Item, a Admission) {
	if a.Visible && a.Allowed && a.Quarantined == "" && a.Error == "" && len(a.Findings) == 0 {
		return
	}
	x.MCP.Note(filters.ItemNote{
		Kind: string(item.Kind), Name: item.label(), Policy: a.Policy, Quarantined: a.Quarantined, Findings: a.Findings, Error: a.Error,
	})
}

// label names an item for a person.
func (i Item) label() string {
	if i.Name == "" || i.Kind == ItemResource || i.Kind == ItemResourceTemplate {
		return i.URI
	}
	return i.Name
}

// refusal is how a caller learns that an item may not be used. What it may not see does not exist.
func (a Admission) refusal(item Item) error {
	switch {
	case !a.Visible:
		return &filters.BodyError{Kind: filters.RefusedInvisible, Code: codeInvalidParams, Message: "Unknown " + item.kind() + ": " + item.label()}
	case !a.Allowed:
		return &filters.DeniedError{Verdict: filters.Verdict{Policy: a.Policy, Outcome: filters.Matched, Action: filters.ActionDeny, Reason: a.Reason}}
	}
	return nil
}

// kind is what the protocol calls an item.
func (i Item) kind() string {
	switch {
	case i.Kind == ItemCompletion && i.URI != "", i.Kind == ItemResourceTemplate:
		return "resource template"
	case i.Kind == ItemCompletion:
		return string(ItemPrompt)
	default:
		return string(i.Kind)
	}
}
