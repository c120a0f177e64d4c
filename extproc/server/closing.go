package server

import (
	"sync"
	"time"

	"bartizan/extproc/audit"
	"bartizan/extproc/bundle"
	"bartizan/filters"
)

// The access log of an exchange and the end of its stream arrive in any order. Each side waits this long for the other; Envoy
// flushes its access log every 200 ms.
const closingWait = 3 * time.Second

// maxWaiting bounds each side of the table. Past it, records are closed at once with what is known.
const maxWaiting = 16 << 10

// closing joins the records of unfinished exchanges with what Envoy says that the client got.
type closing struct {
	emit     func(audit.Options, *filters.Record)
	instance string
	bundle   func() *bundle.Bundle

	mu      sync.Mutex
	records map[string]waiting // by request id: the stream is over, Envoy's word is missing
	words   map[string]*word   // by request id: Envoy's word is here, the stream is not over
}

type waiting struct {
	options audit.Options
	record  *filters.Record
	timer   *time.Timer
}

func newClosing(emit func(audit.Options, *filters.Record), instance string, current func() *bundle.Bundle) *closing {
	return &closing{emit: emit, instance: instance, bundle: current, records: map[string]waiting{}, words: map[string]*word{}}
}

// await closes r once Envoy has said what the client got, or after closingWait without its word.
func (c *closing) await(requestID string, o audit.Options, r *filters.Record) {
	c.mu.Lock()
	w, known := c.words[requestID]
	delete(c.words, requestID)
	wait := !known && requestID != "" && len(c.records) < maxWaiting
	if wait {
		c.records[requestID] = waiting{o, r, time.AfterFunc(closingWait, func() { c.expire(requestID) })}
	}
	c.mu.Unlock()
	if wait {
		return
	}
	if known {
		w.complete(r)
	}
	c.emit(o, r)
}

// heard takes Envoy's word about an exchange.
func (c *closing) heard(w *word) {
	if w.by != "" && w.by != c.instance || w.by == "" && !w.processed {
		c.orphan(w)
		return
	}
	c.mu.Lock()
	pending, found := c.records[w.requestID]
	delete(c.records, w.requestID)
	if !found && len(c.words) < maxWaiting {
		c.words[w.requestID] = w
		time.AfterFunc(closingWait, func() { c.forget(w) })
	}
	c.mu.Unlock()
	if found {
		pending.timer.Stop()
		w.complete(pending.record)
		c.emit(pending.options, pending.record)
	}
}

// orphan records an exchange that no stream of this process has carried: Envoy refused it by itself, or the process that
// judged it is gone.
func (c *closing) orphan(w *word) {
	var o audit.Options
	r := w.record()
	if b := c.bundle(); b != nil {
		o, r.Commit, r.Bundle = b.Audit, b.Commit, b.Version
		if route, _, ok := b.Route(w.route); ok {
			r.Exchange.Route = route
		}
	}
	c.emit(o, r)
}

func (c *closing) expire(requestID string) {
	c.mu.Lock()
	pending, found := c.records[requestID]
	delete(c.records, requestID)
	c.mu.Unlock()
	if found {
		c.emit(pending.options, pending.record)
	}
}

// forget drops a word that no unfinished exchange waited for: its record was closed in the ordinary way, unless no stream ever
// answered for it.
func (c *closing) forget(w *word) {
	c.mu.Lock()
	_, unclaimed := c.words[w.requestID]
	delete(c.words, w.requestID)
	c.mu.Unlock()
	if unclaimed && w.by == "" {
		c.orphan(w)
	}
}

// flush closes everything that still waits.
func (c *closing) flush() {
	c.mu.Lock()
	left := c.records
	c.records = map[string]waiting{}
	c.mu.Unlock()
	for _, pending := range left {
		if pending.timer.Stop() {
			c.emit(pending.options, pending.record)
		}
	}
}
