package audit

import (
	"crypto/sha256"
	"errors"
	"time"

	"bartizan/extproc/audit/wal"
)

// writer gives records their place in the chain and writes them. It runs on one goroutine, which alone appends to the log.
type writer struct {
	q        *queue
	wal      *wal.Log
	metrics  *metrics
	prev     [32]byte // hash of the newest record
	maxDelay time.Duration
	buf      []byte
	waiting  []chan error // strict callers of records that are written and not yet synced
	unsynced int
}

// run writes until the queue has ended and is empty, or the disk fails.
func (w *writer) run() {
	var due <-chan time.Time // when what is written has to be synced; nil while there is nothing
	var items []item
	for {
		var ended bool
		select {
		case <-w.q.wake:
			items, ended = w.q.take(items)
			w.write(items)
			clear(items)
			switch {
			case w.unsynced == 0:
			case len(w.waiting) > 0 || ended:
				due = w.sync()
			case due == nil:
				due = time.After(w.maxDelay)
			}
		case <-due:
			due = w.sync()
		}
		if ended {
			return
		}
	}
}

func (w *writer) write(items []item) {
	for _, it := range items {
		err := w.append(it)
		switch {
		case err != nil:
			w.metrics.drop(err)
			if errors.Is(err, wal.ErrBroken) {
				w.q.end(err)
			}
			it.resolve(err)
		case it.done != nil:
			w.waiting = append(w.waiting, it.done)
		}
	}
}

func (w *writer) append(it item) error {
	w.buf = it.draft.Stamp(w.buf[:0], w.wal.Next(), w.prev)
	if err := w.wal.Append(it.draft.Subject, w.buf); err != nil {
		return err
	}
	w.prev = sha256.Sum256(w.buf)
	w.unsynced++
	return nil
}

// sync makes durable what was written and tells those who wait for it.
func (w *writer) sync() <-chan time.Time {
	err := w.wal.Sync()
	if err != nil {
		w.metrics.lost(w.unsynced)
		w.q.end(err)
	}
	for i, done := range w.waiting {
		done <- err
		w.waiting[i] = nil
	}
	w.waiting, w.unsynced = w.waiting[:0], 0
	return nil
}

func (it item) resolve(err error) {
	if it.done != nil {
		it.done <- err
	}
}
