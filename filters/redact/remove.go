package redact

import "bartizan/filters"

// Remove takes elements out of a list of elements that commas part, each with the comma that it no longer needs.
func Remove(at []filters.Span, drop []bool) []filters.Edit {
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
			edits = append(edits, filters.Edit{Start: at[kept].End, End: at[i].End})
		case i+1 < len(at):
			edits = append(edits, filters.Edit{Start: at[first].Start, End: at[i+1].Start})
		default:
			edits = append(edits, filters.Edit{Start: at[first].Start, End: at[i].End})
		}
	}
	return edits
}
