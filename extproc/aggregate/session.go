package aggregate

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// longest bounds a request of a session, which goes on when the client's connection breaks (2025-11-25, transports): an answer that
// nobody fetches is lost.
const longest = time.Hour

// session is one client of a revision with sessions.
type session struct {
	service *Service
	id, who string
	hello   hello

	mu       sync.Mutex
	peers    map[string]*peer
	running  map[string]context.CancelFunc // by the id of the client's request
	asked    map[string]chan *message      // by the id of our request to the client
	lastAsk  int64
	level    *jsontext.Value
	watched  map[string]bool // URIs of resources, as the client names them, of servers without sessions
	rewatch  chan struct{}   // closed when watched changes
	listened bool            // the client holds the stream of what comes by itself
	origin   origin          // of the latest request: to take leave with
	requests int             // in progress
	used     int64           // Unix seconds, of the end of the latest
}

func (x *session) owner() string { return x.who }
func (x *session) modern() bool  { return false }

// initialize opens a session.
func (s *Service) initialize(ctx context.Context, out *reply, o origin, m *message) {
	asked := m.params.text("protocolVersion")
	if !slices.Contains(revisions, asked) {
		asked = newest
	}
	x := &session{
		service: s, id: rand.Text(), who: o.owner(), hello: helloOf(asked, m.params.get("clientInfo"), m.params.get("capabilities")),
		peers: map[string]*peer{}, running: map[string]context.CancelFunc{}, asked: map[string]chan *message{},
		watched: map[string]bool{}, rewatch: make(chan struct{}), origin: o, used: time.Now().Unix(),
	}
	if _, kept := s.sessions.add(x.id, x); !kept {
		out.fail(http.StatusServiceUnavailable, failure(codeInternal, "there are too many sessions: end some, or try again later"))
		return
	}
	s.metrics.sessions.Inc()
	info := s.greet(ctx, o, x)
	info.set("protocolVersion", quote(asked))
	info.set("serverInfo", serverInfo)
	out.w.Header().Set(headerSession, x.id)
	out.result(info.encode())
}

// serverInfo is who we are.
var serverInfo = object{{"name", quote("bartizan")}, {"title", quote("All MCP servers")}, {"version", quote("1")}}.encode()

// helloOf fills in what a client may leave out.
func helloOf(version string, client, capabilities jsontext.Value) hello {
	if client.Kind() != '{' {
		client = jsontext.Value(`{"name":"unknown","version":"0"}`)
	}
	if capabilities.Kind() != '{' {
		capabilities = jsontext.Value(`{}`)
	}
	return hello{version, client, capabilities}
}

// session finds the session of a request; where there is none, the client has been told.
func (s *Service) session(w http.ResponseWriter, r *http.Request, o origin) (*session, bool) {
	id := r.Header.Get(headerSession)
	if id == "" {
		plain(w, http.StatusBadRequest, "the request names no session: begin with initialize")
		return nil, false
	}
	x, ok := s.sessions.get(id, o.owner())
	if !ok {
		plain(w, http.StatusNotFound, "the session is over: begin again with initialize")
	}
	return x, ok
}

func (s *Service) delete(w http.ResponseWriter, r *http.Request, o origin) {
	x, ok := s.session(w, r, o)
	if !ok {
		return
	}
	if _, ok = s.sessions.take(x.id, x.who); ok {
		x.origin = o
		s.end(x)
	}
	w.WriteHeader(http.StatusNoContent)
}

// end takes leave of all servers of a session that is in the table no more.
func (s *Service) end(x *session) {
	s.metrics.sessions.Dec()
	x.stop()
	x.mu.Lock()
	peers := x.peers
	x.mu.Unlock()
	for _, p := range peers {
		s.calls.Go(func() { p.leave(context.Background(), x.origin) })
	}
}

// stop cancels what runs.
func (x *session) stop() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, cancel := range x.running {
		cancel()
	}
}

// begin counts a request as use of the session, until the function that it returns is called.
func (x *session) begin() func() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.requests++
	return func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.requests--
		x.used = time.Now().Unix()
	}
}

func (x *session) idleSince(before int64) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.requests == 0 && x.used < before
}

// peer is the client's acquaintance with a server, made or not.
func (x *session) peer(server string) *peer {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.peers[server]
	if p == nil {
		p = newPeer(x.service.gate, server, x.hello)
		p.level.Store(x.level)
		x.peers[server] = p
	}
	return p
}

// known are the servers with which the session has made acquaintance.
func (x *session) known() []*peer {
	x.mu.Lock()
	defer x.mu.Unlock()
	var known []*peer
	for _, p := range x.peers {
		if p.met.Load() != nil {
			known = append(known, p)
		}
	}
	return known
}

// hear takes a notification of the client.
func (x *session) hear(ctx context.Context, o origin, m *message) {
	switch m.method {
	case "notifications/cancelled":
		x.mu.Lock()
		defer x.mu.Unlock()
		if cancel := x.running[string(m.params.get("requestId"))]; cancel != nil {
			cancel()
		}
	case "notifications/roots/list_changed":
		for _, p := range x.known() {
			if a := p.met.Load(); !a.modern {
				_ = p.tell(ctx, o, a, m) // a server that does not hear it asks when it needs to know
			}
		}
	}
}

// answered takes a response of the client.
func (x *session) answered(m *message) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if ch := x.asked[string(m.id)]; ch != nil {
		delete(x.asked, string(m.id))
		ch <- m // it has room for one
	}
}

// ask puts a server's request to the client, under an id of ours, and waits for the response.
func (x *session) ask(ctx context.Context, out *reply, m *message) (*message, error) {
	ch := make(chan *message, 1)
	x.mu.Lock()
	x.lastAsk++
	id := quote("bartizan-" + strconv.FormatInt(x.lastAsk, 10))
	x.asked[string(id)] = ch
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		delete(x.asked, string(id))
		x.mu.Unlock()
	}()
	out.event(&message{id: id, method: m.method, params: m.params})
	select {
	case response := <-ch:
		return response, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// way is one answer to the client, by which servers speak to it.
type way struct {
	x   *session
	out *reply
}

func (w way) notify(m *message) { w.out.event(m) }
func (w way) modern() bool      { return false }
func (w way) ask(ctx context.Context, m *message) (*message, error) {
	return w.x.ask(ctx, w.out, m)
}

var errTwice = failure(codeInvalidRequest, "a request with this id is running")

// serve answers a request of the client.
func (x *session) serve(ctx context.Context, out *reply, o origin, m *message) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), longest)
	defer cancel()
	id := string(m.id)
	x.mu.Lock()
	_, twice := x.running[id]
	if !twice {
		x.running[id] = cancel
	}
	x.mu.Unlock()
	if twice {
		out.fail(http.StatusBadRequest, errTwice)
		return
	}
	defer func() {
		x.mu.Lock()
		delete(x.running, id)
		x.mu.Unlock()
	}()
	out.done(x.result(ctx, out, o, m))
}

func (x *session) result(ctx context.Context, out *reply, o origin, m *message) (jsontext.Value, error) {
	if _, ok := lists[m.method]; ok {
		return x.service.list(ctx, o, m, x)
	}
	switch m.method {
	case "ping":
		return empty, nil
	case "logging/setLevel":
		return empty, x.setLevel(ctx, o, m.params.get("level"))
	}
	named := m.params.text("uri")
	server, err := address(m, x.service.cfg.Servers(o.Caller))
	if err != nil {
		return nil, err
	}
	p := x.peer(server)
	if err := p.connect(ctx, o); err != nil {
		return nil, err
	}
	if watch := m.method == "resources/subscribe"; (watch || m.method == "resources/unsubscribe") && p.met.Load().modern {
		x.watch(named, watch)
		return empty, nil
	}
	result, err := p.call(ctx, o, m, way{x, out})
	return adopt(server, result), err
}

var empty = jsontext.Value(`{}`)

func (x *session) setLevel(ctx context.Context, o origin, level jsontext.Value) error {
	if level.Kind() != '"' {
		return failure(codeInvalidParams, "level must be a string")
	}
	x.mu.Lock()
	x.level = &level
	for _, p := range x.peers {
		p.level.Store(&level)
	}
	x.mu.Unlock()
	var errs []error
	for _, p := range x.known() {
		errs = append(errs, p.setLevel(ctx, o))
	}
	return errors.Join(errs...)
}

// watch begins or ends the subscription to a resource of a server without sessions: there it is part of the stream of notifications.
func (x *session) watch(uri string, on bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if on {
		x.watched[uri] = true
	} else {
		delete(x.watched, uri)
	}
	close(x.rewatch)
	x.rewatch = make(chan struct{})
}
