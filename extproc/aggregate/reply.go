package aggregate

import (
	"net/http"
	"sync"
	"time"

	"bartizan/filters/sse"

	"github.com/go-json-experiment/json/jsontext"
)

// reply is the HTTP answer to one message of a client: JSON, unless something has to be said before the response; then events.
type reply struct {
	mu     sync.Mutex
	w      http.ResponseWriter
	id     jsontext.Value
	events bool // the answer is a stream of events
	closed bool
}

// event sends a message that is not the response.
func (r *reply) event(m *message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.stream(m.encode())
	}
}

// open begins the stream before there is anything to say, and keeps it alive.
func (r *reply) open() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.stream(nil)
	}
}

func (r *reply) stream(data []byte) {
	if !r.events {
		r.events = true
		r.w.Header().Set("Content-Type", "text/event-stream")
		r.w.Header().Set("Cache-Control", "no-cache, no-transform")
		r.w.WriteHeader(http.StatusOK)
	}
	out := []byte(": \n\n") // a comment
	if data != nil {
		out = sse.Append(nil, "message", data)
	}
	_, err := r.w.Write(out)
	if err == nil {
		err = http.NewResponseController(r.w).Flush()
	}
	r.closed = err != nil
}

// result ends the answer with a result.
func (r *reply) result(result jsontext.Value) {
	r.end(http.StatusOK, &message{id: r.id, result: result})
}

// fail ends it with an error.
func (r *reply) fail(status int, err error) {
	r.end(status, &message{id: r.id, failure: asError(err).encode()})
}

// done ends it with either.
func (r *reply) done(result jsontext.Value, err error) {
	if err != nil {
		r.fail(http.StatusOK, err)
		return
	}
	r.result(result)
}

func (r *reply) end(status int, m *message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if m.id == nil {
		m.id = jsontext.Value("null")
	}
	if r.events {
		r.stream(m.encode())
	} else {
		r.w.Header().Set("Content-Type", "application/json")
		r.w.WriteHeader(status)
		_, _ = r.w.Write(m.encode()) // a client that has gone
	}
	r.closed = true
}

// beat is how often an open stream shows that it lives: well below every idle timeout on the way.
const beat = 30 * time.Second

// hold keeps a stream open until the client leaves or stop is closed.
func (r *reply) hold(gone, stop <-chan struct{}) {
	r.open()
	ticks := time.NewTicker(beat)
	defer ticks.Stop()
	for {
		select {
		case <-gone:
			return
		case <-stop:
			return
		case <-ticks.C:
			r.open()
		}
	}
}

// close ends a stream that has no response.
func (r *reply) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

// plain answers a request that is no message, or whose session is not there.
func plain(w http.ResponseWriter, status int, text string) {
	(&reply{w: w}).fail(status, failure(codeInvalidRequest, "%s", text))
}
