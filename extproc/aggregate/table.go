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

// add puts a thing into the table, or finds the one that has the name. Without room it is not kept.
func (t *table[T]) add(name string, thing T) (there T, kept bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if there, ok := t.things[name]; ok {
		return there, there.owner() == thing.owner()
	}
	if len(t.things) >= t.limit || t.counts[thing.owner()] >= t.share {
		return thing, false
	}
	if t.things == nil {
		t.things, t.counts = map[string]T{}, map[string]int{}
	}
	t.things[name] = thing
	t.counts[thing.owner()]++
	return thing, true
}

// get finds a thing of this owner.
func (t *table[T]) get(name, owner string) (T, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.find(name, owner)
}

// take finds a thing of this owner, and removes it.
func (t *table[T]) take(name, owner string) (T, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	thing, ok := t.find(name, owner)
	if ok {
		t.forget(name)
	}
	return thing, ok
}

func (t *table[T]) find(name, owner string) (T, bool) {
	thing, ok := t.things[name]
	if !ok || thing.owner() != owner {
		var none T
		return none, false
	}
	return thing, true
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
