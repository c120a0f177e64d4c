package answer

import (
	"maps"
	"slices"
)

// Passed is what the client has of a stream that is judged: what it takes to end the stream well. The zero value is a stream of which nothing
// has passed.
type Passed struct {
	Begun bool  // an event that says something has passed
	Next  int64 // the first place in the output that nothing has taken

	over bool         // the stop reason has passed: nothing can be said any more
	open map[Key]bool // by part that has begun: it has not ended
}

// note adds an event.
func (p *Passed) note(e *Event) {
	p.Begun, p.over = true, p.over || e.stops
	p.Next = max(p.Next, e.Taken)
	for i := range e.Pieces {
		piece := &e.Pieces[i]
		if piece.Begin == nil && !piece.Close {
			continue
		}
		if p.open == nil {
			p.open = map[Key]bool{}
		}
		p.open[piece.Key] = !piece.Close && piece.Fate != Told && piece.Fate != Gone
	}
}

// Open are the places of the parts of a group that have begun, and not ended.
func (p *Passed) Open(group int64) []int64 {
	var places []int64
	for key, open := range p.open {
		if open && key.Group == group {
			places = append(places, key.Part)
		}
	}
	slices.Sort(places)
	return places
}

// Groups are those of which a part has begun.
func (p *Passed) Groups() []int64 {
	groups := map[int64]bool{}
	for key := range p.open {
		groups[key.Group] = true
	}
	return slices.Sorted(maps.Keys(groups))
}
