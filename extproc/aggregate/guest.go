package aggregate

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// client is a client with its acquaintances.
type client interface {
	peer(server string) *peer
	modern() bool
}

// guest is the client of one request of 2026-07-28. Its acquaintances are kept for the next request of the same caller that says the
// same of itself.
type guest struct {
	service *Service
	origin  origin
	hello   hello
	key     string

	mu    sync.Mutex
	spare []*peer
}

// pooled is a kept acquaintance.
type pooled struct {
	*peer
	origin origin
}

func (p *pooled) owner() string { return p.origin.owner() }
func (c *guest) modern() bool   { return true }

func (s *Service) guest(o origin, m *message) *guest {
	meta := m.params.object("_meta")
	c := &guest{service: s, origin: o, hello: helloOf(newest, meta.get(metaClient), meta.get(metaCapabilities))}
	sum := sha256.Sum256(append(append([]byte(o.owner()+"\x00"), c.hello.client...), c.hello.capabilities...))
	c.key = string(sum[:])
	return c
}

func (c *guest) peer(server string) *peer {
	if p, ok := c.service.peers.get(c.key+server, c.origin.owner()); ok {
		return p.peer
	}
	p, kept := c.service.peers.add(c.key+server, &pooled{newPeer(c.service.gate, server, c.hello), c.origin})
	if !kept { // there is no room: what is made for this request ends with it
		c.mu.Lock()
		defer c.mu.Unlock()
		c.spare = append(c.spare, p.peer)
	}
	return p.peer
}

// leave ends the acquaintances that are not kept.
func (c *guest) leave(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.spare {
		p.leave(ctx, c.origin)
	}
}

// oneWay leads to a client without sessions: it hears, and is asked by a result.
type oneWay struct {
	mute
	out *reply
}

func (w oneWay) notify(m *message) { w.out.event(m) }
func (oneWay) modern() bool        { return true }

// postModern answers a message of 2026-07-28.
func (s *Service) postModern(ctx context.Context, out *reply, o origin, m *message) {
	switch {
	case m.isNotification():
		out.w.WriteHeader(http.StatusAccepted)
		return
	case !m.isRequest():
		out.fail(http.StatusBadRequest, failure(codeInvalidRequest, "a client sends no responses in %s", modern))
		return
	}
	c := s.guest(o, m)
	defer c.leave(ctx)
	switch m.method {
	case "subscriptions/listen":
		s.subscribe(ctx, out, o, c, m)
	case "server/discover":
		info := s.greet(ctx, o, c)
		versions := []jsontext.Value{quote(modern)}
		for _, v := range revisions {
			versions = append(versions, quote(v))
		}
		info.set("supportedVersions", encodeArray(versions))
		info.set("ttlMs", jsontext.Value("0"))
		info.set("cacheScope", quote("private"))
		out.doneModern(complete(info.encode()), nil)
	default:
		if _, ok := lists[m.method]; ok {
			result, err := s.list(ctx, o, m, c)
			out.doneModern(complete(result), err)
			return
		}
		s.route(ctx, out, o, c, m)
	}
}

// route answers a request that is one server's to answer.
func (s *Service) route(ctx context.Context, out *reply, o origin, c *guest, m *message) {
	server, err := address(m, s.cfg.Servers(o.Caller))
	if err != nil {
		out.doneModern(nil, err)
		return
	}
	if name, ok := s.parkedName(o, m.params.text("requestState")); ok {
		s.resume(ctx, out, o, m, name)
		return
	}
	p := c.peer(server)
	if err := p.connect(ctx, o); err != nil {
		out.doneModern(nil, err)
		return
	}
	if p.met.Load().modern {
		result, err := p.call(ctx, o, m, oneWay{out: out})
		out.doneModern(adopt(server, result), err)
		return
	}
	s.callParked(ctx, out, o, p, m)
}

// complete says what a result of a server with sessions does not: that it is one.
func complete(result jsontext.Value) jsontext.Value {
	o, err := parseObject(result)
	if err != nil {
		return result
	}
	if !o.has("resultType") {
		o.set("resultType", quote("complete"))
	}
	meta := o.object("_meta")
	if !meta.has(metaServer) {
		meta.set(metaServer, serverInfo)
		o.set("_meta", meta.encode())
	}
	return o.encode()
}

// doneModern is done, with the status that 2026-07-28 has for an error.
func (r *reply) doneModern(result jsontext.Value, err error) {
	var rpc *rpcError
	switch {
	case errors.As(err, &rpc) && rpc.code == codeNotFound:
		r.fail(http.StatusNotFound, err)
	case errors.As(err, &rpc) && rpc.code <= -32020 && rpc.code >= -32099:
		r.fail(http.StatusBadRequest, err)
	default:
		r.done(result, err)
	}
}

// admits tells whether a capability lets a server ask for input by a method.
func (h hello) admits(method string) bool {
	name, _, _ := strings.Cut(method, "/")
	capabilities, err := parseObject(h.capabilities)
	return err == nil && capabilities.has(name)
}
