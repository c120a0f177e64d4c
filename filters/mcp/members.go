package mcp

import (
	"slices"

	"bartizan/filters"
)

// span is a place in a body.
type span struct{ start, end int }

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
		out.names, out.at = append(out.names, string(name)), append(out.at, span{start, m.Mark()})
	}
	return out
}

// without is how the members of the given names are taken out.
func (m members) without(names []string) []filters.Edit {
	drop := make([]bool, len(m.at))
	for i, name := range m.names {
		drop[i] = slices.Contains(names, name)
	}
	return remove(m.at, drop)
}

// remove takes elements out of a list of elements that commas part, each with the comma that it no longer needs.
func remove(at []span, drop []bool) []filters.Edit {
	var edits []filters.Edit
	kept := -1 // the last element that stays
	for i := 0; i < len(at); i++ {
		if !drop[i] {
			kept = i
			continue
		}
		first := i
		for i+1 < len(at) && drop[i+1] {
			i++
		}
		switch {
		case kept >= 0:
			edits = append(edits, filters.Edit{Start: at[kept].end, End: at[i].end})
		case i+1 < len(at):
			edits = append(edits, filters.Edit{Start: at[first].start, End: at[i+1].start})
		default:
			edits = append(edits, filters.Edit{Start: at[first].start, End: at[i].end})
		}
	}
	return edits
}
