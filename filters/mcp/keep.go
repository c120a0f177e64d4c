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
	case k.scope.end > 0:
		if string(m.data[k.scope.start:k.scope.end]) != private {
			m.edits = append(m.edits, filters.Edit{Start: k.scope.start, End: k.scope.end, With: []byte(private)})
		}
	case len(m.lists) > 0 && modern(m.x):
		m.edits = append(m.edits, filters.Edit{Start: k.begin, End: k.begin, With: []byte(`"cacheScope":` + private + `,`)})
	}
	if k.ttl.end == 0 {
		return
	}
	most := m.server.MaxTTL.Milliseconds()
	ttl, err := strconv.ParseInt(string(m.data[k.ttl.start:k.ttl.end]), 10, 64)
	if err != nil || ttl > most || ttl < 0 {
		m.edits = append(m.edits, filters.Edit{Start: k.ttl.start, End: k.ttl.end, With: strconv.AppendInt(nil, most, 10)})
	}
}
