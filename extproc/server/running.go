package server

import "sync"

// running counts streams, and tells when there are none.
type running struct {
	mu   sync.Mutex
	n    int
	idle []chan struct{}
}

func (r *running) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
}

func (r *running) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n--; r.n > 0 {
		return
	}
	for _, c := range r.idle {
		close(c)
	}
	r.idle = nil
}

// none returns a channel that is closed as soon as there is no stream. There may be one again afterwards.
func (r *running) none() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := make(chan struct{})
	if r.n == 0 {
		close(c)
	} else {
		r.idle = append(r.idle, c)
	}
	return c
}
