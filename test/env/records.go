package env

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/nats-io/nats.go"

	"bartizan/extproc/audit/tail"
)

// Records are the decisions that arrived from NATS, in order.
type Records struct {
	mu      sync.Mutex
	all     []tail.Event
	changed chan struct{}
	err     error
}

// Follow reads the stream AUDIT from its beginning until ctx ends.
func Follow(ctx context.Context, nc *nats.Conn) *Records {
	r := &Records{changed: make(chan struct{})}
	go func() {
		err := tail.Tail(ctx, nc, tail.Options{All: true}, func(e *tail.Event) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			kept := *e
			kept.Raw = slices.Clone(e.Raw)
			r.all = append(r.all, kept)
			close(r.changed)
			r.changed = make(chan struct{})
			return nil
		})
		r.mu.Lock()
		defer r.mu.Unlock()
		r.err = err
		close(r.changed)
		r.changed = make(chan struct{})
	}()
	return r
}

// All returns what has arrived.
func (r *Records) All() []tail.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// Wait returns the first record that matches, which may have arrived before.
func (r *Records) Wait(ctx context.Context, match func(tail.Event) bool) (tail.Event, error) {
	seen := 0
	for {
		r.mu.Lock()
		all, changed, err := r.all, r.changed, r.err
		r.mu.Unlock()
		for ; seen < len(all); seen++ {
			if match(all[seen]) {
				return all[seen], nil
			}
		}
		if err != nil {
			return tail.Event{}, fmt.Errorf("follow records: %w", err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return tail.Event{}, fmt.Errorf("no such record among %d: %w", seen, ctx.Err())
		}
	}
}

// Decision waits for the closing record of a decision id, as the header x-bartizan-decision names it.
func (r *Records) Decision(ctx context.Context, id string) (tail.Event, error) {
	e, err := r.Wait(ctx, func(e tail.Event) bool { return e.Own().DecisionID == id && e.Own().Phase == "exchange" })
	if err != nil {
		return e, fmt.Errorf("decision %s: %w", id, err)
	}
	return e, nil
}
