package fake

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
)

// Limits of what a fake takes and keeps.
const (
	maxBody         = 64 << 20  // bytes of one request body
	maxRecords      = 1000      // requests kept; the oldest go first
	maxRecordsBytes = 256 << 20 // bytes of their bodies
)

// Ended says how the exchange of a recorded request ended, as seen from the upstream.
type Ended string

// How an exchange can end.
const (
	EndedRunning  Ended = ""         // it has not
	EndedAnswered Ended = "answered" // the answer was written to its end
	EndedAborted  Ended = "aborted"  // the fake broke it off, as its script says
	EndedCanceled Ended = "canceled" // the other side left first
)

// Request is one request as it came.
type Request struct {
	Method string
	Host   string
	Path   string
	Query  string
	Proto  string
	Header http.Header
	Body   []byte // read-only
	Ended  Ended
}

// Recorder keeps the requests that a fake received, in order of arrival. The zero value is ready.
type Recorder struct {
	mu      sync.Mutex
	kept    []*Request
	bytes   int
	changed chan struct{} // closed and replaced at every change; nil while nobody waits
}

// Requests returns a copy of what is kept.
func (r *Recorder) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Request, len(r.kept))
	for i, q := range r.kept {
		out[i] = *q
	}
	return out
}

// Reset forgets all requests.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept, r.bytes = nil, 0
}

// Await waits until at least n requests have ended, and returns all that are kept. It spares tests from sleeping: that a
// client has its answer does not mean yet that the upstream is done.
func (r *Recorder) Await(ctx context.Context, n int) ([]Request, error) {
	for {
		changed, ended := r.watch()
		if ended >= n {
			return r.Requests(), nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return r.Requests(), ctx.Err()
		}
	}
}

func (r *Recorder) watch() (changed <-chan struct{}, ended int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.kept {
		if q.Ended != EndedRunning {
			ended++
		}
	}
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return r.changed, ended
}

// record wraps h so that every request is kept, body and all, before h sees it.
func (r *Recorder) record(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
		kept := r.add(req, body)
		if err != nil {
			r.end(kept, EndedAborted)
			http.Error(w, "request body over the limit of the fake, or cut", http.StatusRequestEntityTooLarge)
			return
		}
		how := EndedAborted // what a panic of the handler means
		defer func() {
			if req.Context().Err() != nil {
				how = EndedCanceled
			}
			r.end(kept, how)
		}()
		req.Body = io.NopCloser(bytes.NewReader(body))
		h.ServeHTTP(w, req)
		how = EndedAnswered
	})
}

func (r *Recorder) add(req *http.Request, body []byte) *Request {
	q := &Request{
		Method: req.Method, Host: req.Host, Path: req.URL.Path, Query: req.URL.RawQuery,
		Proto: req.Proto, Header: req.Header.Clone(), Body: body,
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept, r.bytes = append(r.kept, q), r.bytes+len(body)
	for len(r.kept) > maxRecords || r.bytes > maxRecordsBytes {
		r.bytes -= len(r.kept[0].Body)
		r.kept = r.kept[1:]
	}
	r.tell()
	return q
}

func (r *Recorder) end(q *Request, how Ended) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q.Ended = how
	r.tell()
}

// tell wakes those who wait. The caller holds mu.
func (r *Recorder) tell() {
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}
