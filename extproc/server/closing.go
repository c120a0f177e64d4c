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

// closing joins the records of unfinished exchanges with what Envoy says that the client got. Whoever takes an entry out of a map
// under mu is the one who closes its record.
type closing struct {
	emit     func(audit.Options, *filters.Record)
	instance string
	bundle   func() *bundle.Bundle

	mu      sync.Mutex
	records map[string]waiting // by request id: the stream is over, Envoy's word is missing
	words   map[string]*word   // by request id: Envoy's word is here, the stream is not over
	over    bool               // flushed: nothing waits any more
	timers  sync.WaitGroup     // timers that are closing a record
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
	w, parked := c.park(requestID, o, r)
	if parked {
		return
	}
	if w != nil {
		w.complete(r)
	}
	c.emit(o, r)
}

// park keeps r until Envoy's word comes, unless that is here already or there is no point in waiting.
func (c *closing) park(requestID string, o audit.Options, r *filters.Record) (*word, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w := c.words[requestID]; w != nil {
		c.drop(w)
		return w, false
	}
	if _, twice := c.records[requestID]; twice || c.over || requestID == "" || len(c.records) >= maxWaiting {
		return nil, false
	}
	c.records[requestID] = waiting{o, r, time.AfterFunc(closingWait, func() { c.expire(requestID, r) })}
	return nil, true
}

// heard takes Envoy's word about an exchange.
func (c *closing) heard(w *word) {
	if w.by != "" && w.by != c.instance || w.by == "" && (!w.processed || w.requestID == "") || w.decision != "" {
		c.orphan(w)
		return
	}
	if pending, found := c.join(w); found {
		w.complete(pending.record)
		c.emit(pending.options, pending.record)
	} else if !c.keep(w) && w.by == "" {
		c.orphan(w)
	}
}

// join takes the record that waits for w.
func (c *closing) join(w *word) (waiting, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	pending, found := c.records[w.requestID]
	if found {
		delete(c.records, w.requestID)
		pending.timer.Stop()
	}
	return pending, found
}

// keep holds w for a record that is still to come.
func (c *closing) keep(w *word) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, twice := c.words[w.requestID]; twice || c.over || len(c.words) >= maxWaiting {
		return false
	}
	c.words[w.requestID] = w
	w.timer = time.AfterFunc(closingWait, func() { c.forget(w) })
	return true
}

// drop takes a word out; the caller holds mu.
func (c *closing) drop(w *word) {
	delete(c.words, w.requestID)
	w.timer.Stop()
}

// orphan records an exchange that no stream of this process has carried: Envoy refused it by itself (its answer may have been
// named all the same), or the process that judged it is gone.
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

// expire closes a record that Envoy has not said a word about.
func (c *closing) expire(requestID string, r *filters.Record) {
	c.mu.Lock()
	pending, found := c.records[requestID]
	if found = found && pending.record == r; found {
		delete(c.records, requestID)
		c.timers.Add(1)
		defer c.timers.Done()
	}
	c.mu.Unlock()
	if found {
		c.emit(pending.options, r)
	}
}

// forget drops a word that no unfinished exchange waited for: its record was closed in the ordinary way, unless no stream ever
// answered for it.
func (c *closing) forget(w *word) {
	c.mu.Lock()
	found := c.words[w.requestID] == w
	if found {
		delete(c.words, w.requestID)
		c.timers.Add(1)
		defer c.timers.Done()
	}
	c.mu.Unlock()
	if found && w.by == "" {
		c.orphan(w)
	}
}

// flush closes everything that still waits, with what is known of it. All streams are over when it is called; nothing is emitted
// after it returns.
func (c *closing) flush() {
	c.mu.Lock()
	records, words := c.records, c.words
	c.records, c.words, c.over = nil, nil, true
	c.mu.Unlock()
	for _, pending := range records {
		pending.timer.Stop()
		c.emit(pending.options, pending.record)
	}
	for _, w := range words {
		if w.timer.Stop(); w.by == "" {
			c.orphan(w)
		}
	}
	c.timers.Wait()
}
