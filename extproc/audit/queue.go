package audit

import (
	"context"
	"errors"
	"sync"

	"bartizan/extproc/audit/ocsf"
)

// ErrClosed says that the log is closed.
var ErrClosed = errors.New("audit log is closed")

// item is one encoded record on its way to the writer.
type item struct {
	draft *ocsf.Draft
	done  chan error // strict: what became of it, once it is durable; nil for the others
}

// queue is a list of items bounded by their bytes. Its first error, or its end, is final.
type queue struct {
	mu    sync.Mutex
	items []item
	bytes int
	max   int
	err   error
	wake  chan struct{} // one token: there are items, or an end
	room  chan struct{} // closed when items were taken
}

func newQueue(maxBytes int) *queue {
	return &queue{max: maxBytes, wake: make(chan struct{}, 1), room: make(chan struct{})}
}

// put adds an item, and waits for room until ctx ends. A queue that holds nothing takes an item of any size.
func (q *queue) put(ctx context.Context, it item) error {
	for {
		room, err := q.tryPut(it)
		if room == nil {
			return err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tryPut adds an item, or returns the channel that tells of room.
func (q *queue) tryPut(it item) (<-chan struct{}, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return nil, q.err
	}
	size := it.draft.Size()
	if q.bytes > 0 && q.bytes+size > q.max {
		return q.room, nil
	}
	q.items, q.bytes = append(q.items, it), q.bytes+size
	q.signal()
	return nil, nil
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take returns all items, and whether no more will come.
func (q *queue) take(spare []item) (items []item, ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	items, q.items, q.bytes = q.items, spare[:0], 0
	close(q.room)
	q.room = make(chan struct{})
	return items, q.err != nil
}

// end refuses further items with err. The first end counts.
func (q *queue) end(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = err
	}
	q.signal()
}

func (q *queue) failure() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// pressed tells whether the queue is more than half full.
func (q *queue) pressed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes > q.max/2
}
