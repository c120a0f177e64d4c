package recall

import (
	"sync"
	"sync/atomic"

	"bartizan/filters"
)

// cache is a map in two generations: what was not asked for while the fresh one filled up is forgotten.
type cache[V interface{ bytes() int64 }] struct {
	limit int64        // bytes, of both
	used  atomic.Int64 // bytes of fresh

	mu    sync.RWMutex
	fresh map[filters.Sum]V // what was asked for since fresh was last full
	stale map[filters.Sum]V // and before that
}

func newCache[V interface{ bytes() int64 }](limit int64) *cache[V] {
	return &cache[V]{limit: limit, fresh: map[filters.Sum]V{}}
}

// find returns what is kept under a key.
func (c *cache[V]) find(k filters.Sum) (v V, ok bool) {
	c.mu.RLock()
	v, ok = c.fresh[k]
	if ok {
		c.mu.RUnlock()
		return v, true
	}
	v, ok = c.stale[k]
	c.mu.RUnlock()
	if ok {
		v = c.get(k, func() V { return v })
	}
	return v, ok
}

// get returns what is kept under a key; where there is nothing, it keeps what otherwise makes.
func (c *cache[V]) get(k filters.Sum, otherwise func() V) V {
	c.mu.RLock()
	v, ok := c.fresh[k]
	c.mu.RUnlock()
	if ok {
		return v
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok = c.fresh[k]; ok {
		return v
	}
	if v, ok = c.stale[k]; !ok {
		v = otherwise()
	}
	c.add(k, v)
	return v
}

// put keeps v under a key in the place of what was there.
func (c *cache[V]) put(k filters.Sum, v V) {
	if v.bytes() > c.limit/8 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if former, ok := c.fresh[k]; ok {
		c.used.Add(-former.bytes())
	}
	c.add(k, v)
}

func (c *cache[V]) add(k filters.Sum, v V) {
	if c.used.Load() > c.limit/2 {
		c.fresh, c.stale = map[filters.Sum]V{}, c.fresh
		c.used.Store(0)
	}
	c.fresh[k] = v
	c.used.Add(v.bytes())
}
