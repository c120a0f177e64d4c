package aggregate

import (
	"context"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// wish is what a client wants to hear of a server that speaks by itself.
type wish struct {
	tools, prompts, resources bool
	uris                      []string // of the server's own
}

func (w wish) none() bool { return !w.tools && !w.prompts && !w.resources && len(w.uris) == 0 }

func (w wish) encode() jsontext.Value {
	var o object
	for _, flag := range []struct {
		name string
		on   bool
	}{{"toolsListChanged", w.tools}, {"promptsListChanged", w.prompts}, {"resourcesListChanged", w.resources}} {
		if flag.on {
			o.set(flag.name, jsontext.Value("true"))
		}
	}
	if len(w.uris) > 0 {
		uris := make([]jsontext.Value, len(w.uris))
		for i, uri := range w.uris {
			uris[i] = quote(uri)
		}
		o.set("resourceSubscriptions", encodeArray(uris))
	}
	return o.encode()
}

// How long to wait before a server's stream that has ended is opened again: at first, and at most.
const (
	soon  = time.Second
	later = time.Minute
)

// follow passes on what a server says by itself, until ctx ends or the server has no such stream. wishes tells what is wanted, and when
// to ask again.
func (p *peer) follow(ctx context.Context, o origin, c other, wishes func() (wish, <-chan struct{})) {
	for pause := soon; ctx.Err() == nil; pause = min(2*pause, later) {
		want, changed := wishes()
		if want.none() {
			select {
			case <-ctx.Done():
			case <-changed:
			}
			continue
		}
		began := time.Now()
		if !p.listen(ctx, o, c, want, changed) {
			return
		}
		if time.Since(began) > later {
			pause = soon
		}
		select {
		case <-ctx.Done():
		case <-changed:
			pause = soon
		case <-time.After(pause):
		}
	}
}

// listen holds one stream, until it ends, ctx does, or other things are wanted. It returns false where there is none to hold.
func (p *peer) listen(ctx context.Context, o origin, c other, want wish, changed <-chan struct{}) bool {
	if err := p.connect(ctx, o); err != nil {
		return true
	}
	a := p.met.Load()
	ctx, cancel := context.WithCancel(ctx)
	var asked sync.WaitGroup
	defer asked.Wait()
	defer cancel()
	asked.Go(func() {
		select {
		case <-changed:
			if a.modern {
				cancel()
			}
		case <-ctx.Done():
		}
	})
	m := &message{method: "subscriptions/listen", params: object{{"notifications", want.encode()}}}
	method, body := http.MethodGet, []byte(nil)
	if a.modern {
		p.modernize(m)
		m.id = p.next()
		method, body = http.MethodPost, m.encode()
	}
	res, err := p.gate.send(ctx, o, method, p.server, a.headers(m), body)
	if err != nil {
		return true
	}
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if res.StatusCode != http.StatusOK || media != "text/event-stream" {
		res.Body.Close()
		return res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests
	}
	_, _ = read(p.server, res, m.id, func(in *message) { // how it ends does not matter: it is opened again
		p.used.Store(time.Now().Unix())
		switch {
		case !in.isNotification():
			asked.Go(func() { p.respond(ctx, o, a, in, c) })
		case in.method != "notifications/subscriptions/acknowledged":
			adoptNotice(p.server, in)
			c.notify(in)
		}
	})
	return true
}

// get holds the stream on which a client of a session hears what comes by itself.
func (s *Service) get(w http.ResponseWriter, r *http.Request, o origin) {
	x, ok := s.session(w, r, o)
	if !ok {
		return
	}
	defer x.begin()()
	if !x.listening(true) {
		plain(w, http.StatusConflict, "the session has a stream already")
		return
	}
	defer x.listening(false)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	out := &reply{w: w}
	out.open()
	var following sync.WaitGroup
	defer following.Wait()
	defer cancel()
	for _, server := range s.cfg.Servers(o.Caller) {
		following.Go(func() {
			x.peer(server).follow(ctx, o, way{x, out}, func() (wish, <-chan struct{}) { return x.wish(server) })
		})
	}
	out.hold(ctx.Done(), s.stop)
	out.close()
}

func (x *session) listening(on bool) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	was := x.listened
	x.listened = on
	return !on || !was
}

// wish: a client of a session hears of all lists, and of the resources that it has subscribed to.
func (x *session) wish(server string) (wish, <-chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	w := wish{tools: true, prompts: true, resources: true}
	for uri := range x.watched {
		if of, own, ok := splitURI(uri); ok && of == server {
			w.uris = append(w.uris, own)
		}
	}
	slices.Sort(w.uris)
	return w, x.rewatch
}

// subscribe answers subscriptions/listen of a client without sessions.
func (s *Service) subscribe(ctx context.Context, out *reply, o origin, c *guest, m *message) {
	asked := m.params.object("notifications")
	on := func(name string) bool { return string(asked.get(name)) == "true" }
	all := wish{tools: on("toolsListChanged"), prompts: on("promptsListChanged"), resources: on("resourcesListChanged")}
	uris := map[string][]string{}
	servers := s.cfg.Servers(o.Caller)
	for _, raw := range parseArray(asked.get("resourceSubscriptions")) {
		uri, _ := unquote(raw)
		server, own, ok := splitURI(uri)
		if !ok || !slices.Contains(servers, server) {
			out.fail(http.StatusOK, failure(codeInvalidParams, "%s%s", toResource.unknown, uri))
			return
		}
		uris[server] = append(uris[server], own)
	}
	sub := subscriber{out: out, id: m.id, all: all}
	sub.notify(&message{method: "notifications/subscriptions/acknowledged", params: object{{"notifications", asked.encode()}}})
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	for _, server := range servers {
		want := all
		if want.uris = uris[server]; !want.none() {
			following.Go(func() { s.attend(ctx, o, c, server, want, sub) })
		}
	}
	out.hold(ctx.Done(), s.stop)
	cancel()
	following.Wait()
	out.result(object{{"resultType", quote("complete")}, {"_meta", object{{metaSubscription, m.id}}.encode()}}.encode())
}

// attend follows one server for one subscription. A server with sessions has one stream in each: so this is a session of its own.
func (s *Service) attend(ctx context.Context, o origin, c *guest, server string, want wish, sub subscriber) {
	p := newPeer(s.gate, server, c.hello)
	defer p.leave(ctx, o)
	if p.connect(ctx, o) == nil && !p.met.Load().modern {
		for _, uri := range want.uris {
			_, _ = p.call(ctx, o, &message{method: "resources/subscribe", params: object{{"uri", quote(uri)}}}, mute{})
		}
	}
	never := make(chan struct{})
	p.follow(ctx, o, sub, func() (wish, <-chan struct{}) { return want, never })
}

// subscriber is a client that listens.
type subscriber struct {
	mute
	out *reply
	id  jsontext.Value
	all wish
}

func (sub subscriber) modern() bool { return true }

// notify passes on what was asked for, under the subscription's id.
func (sub subscriber) notify(m *message) {
	switch {
	case strings.HasSuffix(m.method, "tools/list_changed") && !sub.all.tools,
		strings.HasSuffix(m.method, "prompts/list_changed") && !sub.all.prompts,
		strings.HasSuffix(m.method, "resources/list_changed") && !sub.all.resources:
		return
	}
	m.meta(func(meta *object) { meta.set(metaSubscription, sub.id) })
	sub.out.event(m)
}
