package aggregate

import (
	"context"
	"crypto/rand"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// maxPark is how long a call waits for the client to come back with its answers.
const maxPark = 5 * time.Minute

// stateMark begins the states of requests that are ours; a server of 2026-07-28 has its own, which pass.
const stateMark = "bartizan."

// parked is a call of a server with sessions for a client without. When the server asks the client, the call waits here, the client gets
// a result that asks for input, and comes back with the answers and the state that names the call.
type parked struct {
	who    string
	server string
	hello  hello
	cancel context.CancelFunc
	asks   chan question
	done   chan outcome // has room for one

	mu   sync.Mutex
	out  *reply              // where the client waits now; nil: it does not
	open map[string]question // put to the client
	last int
}

type question struct {
	name   string
	m      *message
	answer chan *message // has room for one
}

type outcome struct {
	result jsontext.Value
	err    error
}

func (p *parked) owner() string { return p.who }
func (p *parked) modern() bool  { return true }

func (p *parked) attach(out *reply) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out = out
}

// notify reaches the client while it waits.
func (p *parked) notify(m *message) {
	p.mu.Lock()
	out := p.out
	p.mu.Unlock()
	if out != nil {
		out.event(m)
	}
}

func (p *parked) ask(ctx context.Context, m *message) (*message, error) {
	switch {
	case m.method == "ping":
		return &message{result: empty}, nil
	case !p.hello.admits(m.method):
		return nil, failure(codeNotFound, "the client does not offer %s", m.method)
	}
	p.mu.Lock()
	p.last++
	q := question{name: strconv.Itoa(p.last), m: m, answer: make(chan *message, 1)}
	p.mu.Unlock()
	select {
	case p.asks <- q:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case a := <-q.answer:
		return a, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// callParked begins a call that can outlive the client's request.
func (s *Service) callParked(ctx context.Context, out *reply, o origin, to *peer, m *message) {
	running, cancel := context.WithTimeout(context.WithoutCancel(ctx), longest)
	p := &parked{who: o.owner(), server: to.server, hello: to.hello, cancel: cancel, asks: make(chan question, maxAsked), done: make(chan outcome, 1)}
	s.calls.Go(func() {
		defer cancel()
		result, err := to.call(running, o, m, p)
		p.done <- outcome{result, err}
	})
	s.await(ctx, out, p)
}

// await waits for what comes first: the result, a question, or the end of the client's patience.
func (s *Service) await(ctx context.Context, out *reply, p *parked) {
	p.attach(out)
	defer p.attach(nil)
	select {
	case d := <-p.done:
		out.doneModern(complete(adopt(p.server, d.result)), d.err)
	case q := <-p.asks:
		out.doneModern(s.park(p, q))
	case <-ctx.Done():
		p.cancel()
	}
}

// park keeps the call and returns the result that asks for input.
func (s *Service) park(p *parked, first question) (jsontext.Value, error) {
	p.open = map[string]question{}
	var requests object
	for q, more := first, true; more; {
		p.open[q.name] = q
		requests.set(q.name, object{{"method", quote(q.m.method)}, {"params", q.m.params.encode()}}.encode())
		select {
		case q = <-p.asks:
		default:
			more = false
		}
	}
	name := rand.Text()
	if _, kept := s.parked.add(name, p); !kept {
		p.cancel()
		return nil, failure(codeInternal, "too many calls wait for answers; try again later")
	}
	time.AfterFunc(maxPark, func() {
		if p, ok := s.parked.take(name, p.who); ok {
			p.cancel()
		}
	})
	state := stateMark + s.cfg.Sealed.Seal("parked/"+p.who, []byte(name))
	return complete(object{
		{"resultType", quote("input_required")}, {"inputRequests", requests.encode()}, {"requestState", quote(state)},
	}.encode()), nil
}

// parkedName reads a state of ours.
func (s *Service) parkedName(o origin, state string) (string, bool) {
	text, ours := strings.CutPrefix(state, stateMark)
	if !ours {
		return "", false
	}
	name, _ := s.cfg.Sealed.Open("parked/"+o.owner(), text)
	return string(name), true
}

// resume gives a call the answers that the client came back with.
func (s *Service) resume(ctx context.Context, out *reply, o origin, m *message, name string) {
	p, ok := s.parked.take(name, o.owner())
	if !ok {
		out.doneModern(nil, failure(codeInvalidParams, "requestState is not of a call that waits: begin the request again"))
		return
	}
	responses := m.params.object("inputResponses")
	for id, q := range p.open {
		answer := &message{result: responses.get(id)}
		if answer.result == nil {
			answer = &message{failure: failure(codeInternal, "the client gave no answer").encode()}
		}
		q.answer <- answer
	}
	s.await(ctx, out, p)
}
