package access

import (
	"crypto/sha256"
	"sync"

	"bartizan/filters"
	"bartizan/filters/mcp"
	"bartizan/filters/pins"
)

// Bounds of a Memory.
const (
	maxLooked    = 20_000 // definitions whose examination is remembered, twice; a miss costs a scan
	maxSightings = 10_000 // items of one server that were last seen as something that is not approved
)

// Memory is what a replica has seen of definitions. It outlives bundles, and ends with the process. It is safe for concurrent use.
type Memory struct {
	mu        sync.RWMutex
	fresh     map[content]*looked // what was asked for since fresh was last full
	stale     map[content]*looked // and before that
	sightings map[string]*sightings
}

// content is a definition's bytes.
type content struct {
	kind mcp.ItemKind
	hash [sha256.Size]byte
}

// looked is what was found out about the bytes of a definition, whosever they are.
type looked struct {
	name     string
	digest   pins.Digest
	findings []filters.Finding
	words    []string // of its texts, those that may be names of tools
	mirrors  []filters.Mirror
	err      error // it has no digest
}

// sighting is how an item was last seen.
type sighting struct {
	digest  pins.Digest
	bad     string // why it was quarantined; empty: it was not
	mirrors []filters.Mirror
}

type sightings struct {
	items map[item]sighting
	full  bool // some could not be kept
}

type item struct {
	kind mcp.ItemKind
	name string
}

// NewMemory returns a memory of nothing.
func NewMemory() *Memory {
	return &Memory{fresh: map[content]*looked{}, sightings: map[string]*sightings{}}
}

// look examines a definition, or remembers having done so.
func (m *Memory) look(kind mcp.ItemKind, raw []byte) *looked {
	key := content{kind, sha256.Sum256(raw)}
	m.mu.RLock()
	found, ok := m.fresh[key]
	if !ok {
		found = m.stale[key]
	}
	m.mu.RUnlock()
	if ok {
		return found
	}
	if found == nil {
		found = examine(kind, raw)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.fresh) >= maxLooked {
		m.stale, m.fresh = m.fresh, map[content]*looked{}
	}
	m.fresh[key] = found
	return found
}

// note remembers how an item was seen, as far as it matters: what was quarantined, until it is seen well again, and which headers
// repeat its arguments.
func (m *Memory) note(server string, kind mcp.ItemKind, name string, s sighting) {
	key := item{kind, name}
	m.mu.RLock()
	of := m.sightings[server]
	known := false
	if of != nil {
		_, known = of.items[key]
	}
	m.mu.RUnlock()
	if s.bad == "" && s.mirrors == nil && !known {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sightings[server] == nil {
		m.sightings[server] = &sightings{items: map[item]sighting{}}
	}
	switch of := m.sightings[server]; {
	case s.bad == "" && s.mirrors == nil:
		delete(of.items, key)
	case len(of.items) >= maxSightings && !known:
		of.full = of.full || s.bad != ""
	default:
		of.items[key] = s
	}
}

// recall tells how an item was last seen, if that is worth knowing, and whether some of the server could not be kept.
func (m *Memory) recall(server string, kind mcp.ItemKind, name string) (last sighting, seen, full bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	of := m.sightings[server]
	if of == nil {
		return sighting{}, false, false
	}
	last, seen = of.items[item{kind, name}]
	return last, seen, of.full
}
