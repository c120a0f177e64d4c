package recall

import (
	"testing"

	"bartizan/filters"
)

// TestReadingsBounded: what is put in the place of another, asked for again or too large counts as what is there.
func TestReadingsBounded(t *testing.T) {
	const limit = 8000
	c := newCache[reading](limit)
	bytes := func(generation map[filters.Sum]reading) (n int64) {
		for _, r := range generation {
			n += r.bytes()
		}
		return n
	}
	for i := range 5000 {
		key := filters.Sum{byte(i * i % 61)}
		c.put(key, reading{i, int64(i * 7 % 1200)})
		known, ok := c.find(key)
		if fits := i*7%1200 <= limit/8; fits && known.value != i || !fits && ok && known.value == i {
			t.Fatalf("after %d of %d bytes, %v is found", i, i*7%1200, known)
		}
		c.find(filters.Sum{byte(i % 61)})
		if fresh, stale := bytes(c.fresh), bytes(c.stale); fresh != c.used.Load() || fresh+stale > limit+limit/4 {
			t.Fatalf("after %d, %d and %d bytes are kept, and %d counted", i, fresh, stale, c.used.Load())
		}
	}
}
