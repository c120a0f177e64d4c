package aggregate

import "sync"

// owned is what a table holds: it belongs to one caller.
type owned interface{ owner() string }

// table holds a bounded number of things by their names. A caller finds only its own, and may not fill it alone.
type table[T owned] struct {
	limit, share int

	mu     sync.Mutex
	things map[string]T
	counts map[string]int // by owner
}

// add tells whether there was room.
func (t *table[T]) add(name string, thing T) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.things) >= t.limit || t.counts[thing.owner()] >= t.share {
		return false
	}
	if t.things == nil {
		t.things, t.counts = map[string]T{}, map[string]int{}
	}
	t.things[name] = thing
	t.counts[thing.owner()]++
	return true
}

func (t *table[T]) get(name, owner string) (thing T, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if thing, ok = t.things[name]; ok && thing.owner() == owner {
		return thing, true
	}
	var none T
	return none, false
}

// take removes a thing, and tells whether it was there.
func (t *table[T]) take(name, owner string) (thing T, ok bool) {
	if thing, ok = t.get(name, owner); !ok {
		return thing, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok = t.things[name]; ok {
		t.forget(name)
	}
	return thing, ok
}

// drop removes all things of which old says so, and returns them.
func (t *table[T]) drop(old func(T) bool) []T {
	t.mu.Lock()
	defer t.mu.Unlock()
	var gone []T
	for name, thing := range t.things {
		if old(thing) {
			gone = append(gone, thing)
			t.forget(name)
		}
	}
	return gone
}

func (t *table[T]) forget(name string) {
	owner := t.things[name].owner()
	delete(t.things, name)
	if t.counts[owner]--; t.counts[owner] == 0 {
		delete(t.counts, owner)
	}
}
