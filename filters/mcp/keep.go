package mcp

import (
	"strconv"

	"bartizan/filters"
)

// keeping is where a result says how long and for whom it may be kept (2026-07-28, server/utilities/caching).
type keeping struct {
	begin      int // of the result's first member; 0: it has none
	scope, ttl span
}

// limit makes a list that was filtered for one caller his alone, and lets no result outlive what the registry allows, so that a change
// of policy shows.
func (m *serverMessage) limit(k keeping) {
	const private = `"private"`
	switch {
	case k.scope.End > 0:
		if string(m.data[k.scope.Start:k.scope.End]) != private {
			m.edits = append(m.edits, filters.Edit{Start: k.scope.Start, End: k.scope.End, With: []byte(private)})
		}
	case len(m.lists) > 0 && modern(m.x):
		m.edits = append(m.edits, filters.Edit{Start: k.begin, End: k.begin, With: []byte(`"cacheScope":` + private + `,`)})
	}
	if k.ttl.End == 0 {
		return
	}
	most := m.server.MaxTTL.Milliseconds()
	ttl, err := strconv.ParseInt(string(m.data[k.ttl.Start:k.ttl.End]), 10, 64)
	if err != nil || ttl > most || ttl < 0 {
		m.edits = append(m.edits, filters.Edit{Start: k.ttl.Start, End: k.ttl.End, With: strconv.AppendInt(nil, most, 10)})
	}
}
