package mcp

import (
	"slices"

	"bartizan/filters"
	"bartizan/filters/redact"
)

// span is a place in a body.
type span = filters.Span

// members are the members of an object, with their names and the places where they stand, name included.
type members struct {
	names []string
	at    []span
}

// readMembers notes where the members of an object stand. Anything but an object has none.
func (m *request) readMembers() members {
	var out members
	if m.Kind() != '{' {
		m.Skip()
		return out
	}
	for name := range m.Object() {
		start, _ := m.Range()
		m.Skip()
		out.names, out.at = append(out.names, string(name)), append(out.at, span{Start: start, End: m.Mark()})
	}
	return out
}

// without is how the members of the given names are taken out.
func (m members) without(names []string) []filters.Edit {
	drop := make([]bool, len(m.at))
	for i, name := range m.names {
		drop[i] = slices.Contains(names, name)
	}
	return redact.Remove(m.at, drop)
}
