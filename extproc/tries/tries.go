// Package tries knows the tries of one turn as one: agents and SDKs send a request again when its answer does not please them, up to
// eleven times, and change what they say around the conversation (betas, how thinking is shown, tools, streaming).
//
// Two requests are tries of the same turn when the same verified identity sends the same conversation for the same purpose, in the same
// claimed session and for the same subagent, within [Window] of the last. A client that claims no session may well ask the same twice:
// there a turn ends with the first good answer.
//
// A Table is of one process: a try that reaches another replica counts as a first one. It keeps digests and decision ids, no content, and
// is bounded; what it forgets is a first try again. It is safe for concurrent use.
package tries

import (
	"container/list"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"bartizan/filters"
)

// Bounds of a table.
const (
	Window  = 5 * time.Minute // from one try to the next: what clients wait at most
	maxKept = 1 << 14         // turns
)

// Table counts tries.
type Table struct {
	clock func() time.Time
	seed  maphash.Seed

	mu    sync.Mutex
	turns map[Turn]*list.Element
	order list.List // of *turn, the one tried longest ago first
}

type turn struct {
	key   Turn
	first string // decision about the first try
	count int
	last  time.Time
}

// New returns an empty table.
func New(clock func() time.Time) *Table {
	return &Table{clock: clock, seed: maphash.MakeSeed(), turns: map[Turn]*list.Element{}}
}

// Turn is what a table knows a turn by; 0: it is none of a model.
type Turn uint64

// Try counts x, whose request is decoded, and writes into x which try of its turn it is. What is no turn of a model is left alone.
func (t *Table) Try(x *filters.Exchange) Turn {
	key := t.turnOf(x)
	if key == 0 {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock()
	for e := t.order.Front(); e != nil && now.Sub(e.Value.(*turn).last) > Window; e = t.order.Front() {
		t.forget(e)
	}
	e := t.turns[key]
	if e == nil {
		e = t.order.PushBack(&turn{key: key, first: x.ID})
		t.turns[key] = e
		if t.order.Len() > maxKept {
			t.forget(t.order.Front())
		}
	}
	of := e.Value.(*turn)
	of.count++
	of.last = now
	t.order.MoveToBack(e)
	x.Try, x.FirstTry = of.count, of.first
	return key
}

// Answered says that x, a try of this turn, has got a good answer.
func (t *Table) Answered(x *filters.Exchange, key Turn) {
	if key == 0 || x.Claimed.Session != "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.turns[key]; e != nil && e.Value.(*turn).first == x.FirstTry {
		t.forget(e)
	}
}

func (t *Table) forget(e *list.Element) {
	delete(t.turns, e.Value.(*turn).key)
	t.order.Remove(e)
}

// turnOf is a digest of who asks what: of the conversation, without what clients change around it.
func (t *Table) turnOf(x *filters.Exchange) Turn {
	if x.LLM == nil || !x.Identity.Known() || slices.Contains([]string{"", filters.ClassCount, filters.ClassProbe}, x.Claimed.Class) {
		return 0
	}
	var h maphash.Hash
	h.SetSeed(t.seed)
	text := func(s string) {
		h.WriteString(s)
		h.WriteByte(0xff) // in no UTF-8
	}
	for _, s := range []string{
		x.Route.Name, x.Identity.Method, x.Identity.Issuer, x.Identity.User, x.Identity.Key, x.Claimed.Session, x.Claimed.Agent, x.Claimed.Class,
	} {
		text(s)
	}
	said := false
	for i := range x.Blocks {
		b := &x.Blocks[i]
		switch b.Origin {
		case filters.OriginSystem, filters.OriginToolDefinition: // changed from try to try
			continue
		}
		text(string(b.Origin))
		if b.Sum != (filters.Sum{}) {
			h.Write(b.Sum[:])
		} else {
			h.Write(b.Data.Bytes())
		}
		h.WriteByte(0xff)
		said = true
	}
	if !said {
		return 0
	}
	return Turn(h.Sum64())
}
