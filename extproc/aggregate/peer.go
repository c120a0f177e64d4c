package aggregate

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Revisions. From modern on there are no sessions.
const (
	modern = "2026-07-28"
	newest = "2025-11-25" // of those with sessions
)

// revisions are those that a client may speak with sessions.
var revisions = []string{newest, "2025-06-18", "2025-03-26"}

// Names of the members of _meta by which 2026-07-28 says in each request what initialize said once.
const (
	metaVersion      = "io.modelcontextprotocol/protocolVersion"
	metaClient       = "io.modelcontextprotocol/clientInfo"
	metaCapabilities = "io.modelcontextprotocol/clientCapabilities"
	metaLogLevel     = "io.modelcontextprotocol/logLevel"
	metaServer       = "io.modelcontextprotocol/serverInfo"
	metaSubscription = "io.modelcontextprotocol/subscriptionId"
)

// hello is what a client says of itself.
type hello struct {
	version      string // what a server is asked for that has sessions
	client       jsontext.Value
	capabilities jsontext.Value
}

// other is the client's side of a call of a server.
type other interface {
	// notify passes a notification on. It must not block for long.
	notify(m *message)
	// ask puts a server's request to the client and waits for its response.
	ask(ctx context.Context, m *message) (*message, error)
	// modern tells whether the client takes a result that asks for input.
	modern() bool
}

// peer is one server as one client meets it.
type peer struct {
	gate   *gate
	server string
	hello  hello

	meeting chan struct{} // has room for the one goroutine that makes acquaintance
	met     atomic.Pointer[acquaintance]
	level   atomic.Pointer[jsontext.Value] // which log messages the client wants; nil: it has not said
	last    atomic.Int64                   // id of the latest request
	used    atomic.Int64                   // Unix seconds
}

func newPeer(g *gate, server string, h hello) *peer {
	return &peer{gate: g, server: server, hello: h, meeting: make(chan struct{}, 1)}
}

// acquaintance is what was agreed with a server. It does not change; after the server has ended the session there is another.
type acquaintance struct {
	modern  bool
	session string
	version string
	info    object // the result of initialize or server/discover
}

// meetWait bounds how long it takes to make acquaintance.
const meetWait = 30 * time.Second

// meet takes the turn to make acquaintance, until end is called.
func (p *peer) meet(ctx context.Context) (limited context.Context, end func(), err error) {
	select {
	case p.meeting <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	limited, cancel := context.WithTimeout(ctx, meetWait)
	return limited, func() { cancel(); <-p.meeting }, nil
}

// connect makes acquaintance once. Which revision the server speaks is asked of it first.
func (p *peer) connect(ctx context.Context, o origin) error {
	p.used.Store(time.Now().Unix())
	if p.met.Load() != nil {
		return nil
	}
	ctx, end, err := p.meet(ctx)
	if err != nil {
		return err
	}
	defer end()
	if p.met.Load() != nil {
		return nil
	}
	a, err := p.discover(ctx, o)
	var status *statusError
	var rpc *rpcError
	if err != nil && (errors.As(err, &rpc) || errors.As(err, &status) && status.status >= 400 && status.status < 500) {
		a, err = p.initialize(ctx, o)
	}
	if err != nil {
		return err
	}
	p.met.Store(a)
	return p.setLevel(ctx, o)
}

// setLevel says to a server with sessions which log messages the client wants. In 2026-07-28 each request says it.
func (p *peer) setLevel(ctx context.Context, o origin) error {
	a, level := p.met.Load(), p.level.Load()
	if a == nil || a.modern || level == nil || !a.info.object("capabilities").has("logging") {
		return nil
	}
	_, err := p.roundTrip(ctx, o, a, &message{method: "logging/setLevel", params: object{{"level", *level}}}, mute{})
	return err
}

func (p *peer) discover(ctx context.Context, o origin) (*acquaintance, error) {
	m := &message{method: "server/discover"}
	p.modernize(m)
	res, err := p.roundTrip(ctx, o, &acquaintance{modern: true}, m, mute{true})
	if err != nil {
		return nil, err
	}
	info, err := parseObject(res)
	if err != nil {
		return nil, err
	}
	for _, v := range parseArray(info.get("supportedVersions")) {
		if s, _ := unquote(v); s == modern {
			return &acquaintance{modern: true, version: modern, info: info}, nil
		}
	}
	return nil, failure(codeInvalidRequest, "%s does not speak %s", p.server, modern)
}

func (p *peer) initialize(ctx context.Context, o origin) (*acquaintance, error) {
	m := &message{id: p.next(), method: "initialize", params: object{
		{"protocolVersion", quote(p.hello.version)}, {"capabilities", p.hello.capabilities}, {"clientInfo", p.hello.client},
	}}
	res, err := p.gate.send(ctx, o, http.MethodPost, p.server, nil, m.encode())
	if err != nil {
		return nil, err
	}
	a := &acquaintance{session: res.Header.Get(headerSession)}
	answer, err := read(p.server, res, m.id, func(*message) {})
	if err != nil {
		return nil, err
	}
	if answer.failure != nil {
		return nil, readError(answer.failure)
	}
	if a.info, err = parseObject(answer.result); err != nil {
		return nil, err
	}
	a.version = a.info.text("protocolVersion")
	return a, p.tell(ctx, o, a, &message{method: "notifications/initialized"})
}

func (p *peer) next() jsontext.Value { return strconv.AppendInt(nil, p.last.Add(1), 10) }

// headers are those of a message to a server of this acquaintance.
func (a *acquaintance) headers(m *message) map[string]string {
	if !a.modern {
		return map[string]string{headerVersion: a.version, headerSession: a.session}
	}
	h := map[string]string{headerVersion: modern, headerMethod: m.method}
	switch m.method {
	case "tools/call", "prompts/get":
		h[headerName] = headerText(m.params.text("name"))
	case "resources/read":
		h[headerName] = headerText(m.params.text("uri"))
	default:
		if strings.HasPrefix(m.method, "tasks/") {
			h[headerName] = headerText(m.params.text("taskId"))
		}
	}
	return h
}

// headerText is text as a header carries it (2026-07-28, Streamable HTTP, Value Encoding).
func headerText(s string) string {
	plain := !strings.HasPrefix(s, "=?base64?") && s == strings.TrimSpace(s)
	for i := 0; plain && i < len(s); i++ {
		plain = s[i] >= ' ' && s[i] <= '~'
	}
	if plain {
		return s
	}
	return "=?base64?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
}

// tell sends a notification, or a response.
func (p *peer) tell(ctx context.Context, o origin, a *acquaintance, m *message) error {
	res, err := p.gate.send(ctx, o, http.MethodPost, p.server, a.headers(m), m.encode())
	if err != nil {
		return err
	}
	res.Body.Close()
	if res.StatusCode >= 300 {
		return &statusError{p.server, res.StatusCode}
	}
	return nil
}

// maxRounds bounds how often a server may ask for more input.
const maxRounds = 10

// call sends a request, in the words of the revision that the server speaks, and returns the result. Where client and server are of
// different revisions, the server's questions are put in the client's way, and the client's answers in the server's.
func (p *peer) call(ctx context.Context, o origin, m *message, c other) (jsontext.Value, error) {
	if err := p.connect(ctx, o); err != nil {
		return nil, err
	}
	a := p.met.Load()
	p.translate(a, m, c)
	for round := 0; ; round++ {
		result, err := p.roundTrip(ctx, o, a, m, c)
		var status *statusError
		if errors.As(err, &status) && status.status == http.StatusNotFound && !a.modern && round == 0 { // the session is over
			if a, err = p.again(ctx, o, a); err == nil {
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		if !a.modern || c.modern() {
			return result, nil
		}
		asked, err := parseObject(result)
		if err != nil || asked.text("resultType") != "input_required" {
			return result, nil
		}
		if round == maxRounds {
			return nil, failure(codeInternal, "%s asks for input too often", p.server)
		}
		if err := p.answer(ctx, m, asked, c); err != nil {
			return nil, err
		}
	}
}

// again opens another session in the place of one that the server has ended.
func (p *peer) again(ctx context.Context, o origin, over *acquaintance) (*acquaintance, error) {
	ctx, end, err := p.meet(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	if a := p.met.Load(); a != over {
		return a, nil
	}
	a, err := p.initialize(ctx, o)
	if err == nil {
		p.met.Store(a)
	}
	return a, err
}

func (p *peer) translate(a *acquaintance, m *message, c other) {
	switch {
	case a.modern && !c.modern():
		p.modernize(m)
	case !a.modern && c.modern():
		m.params.remove("inputResponses", "requestState")
		m.meta(func(meta *object) { meta.remove(metaVersion, metaClient, metaCapabilities, metaLogLevel) })
	}
}

func (p *peer) modernize(m *message) {
	m.meta(func(meta *object) {
		meta.set(metaVersion, quote(modern))
		meta.set(metaClient, p.hello.client)
		meta.set(metaCapabilities, p.hello.capabilities)
		if level := p.level.Load(); level != nil {
			meta.set(metaLogLevel, *level)
		}
	})
}

// answer gets the client's answers to what a result asks for, and puts them into the request for its next round.
func (p *peer) answer(ctx context.Context, m *message, asked object, c other) error {
	var responses object
	for _, q := range asked.object("inputRequests") {
		question, err := parseObject(q.value)
		if err != nil {
			return failure(codeInternal, "%s asks for input that is no object", p.server)
		}
		response, err := c.ask(ctx, &message{id: quote(q.name), method: question.text("method"), params: question.object("params")})
		if err != nil {
			return err
		}
		if response.failure != nil {
			return readError(response.failure)
		}
		responses.set(q.name, response.result)
	}
	m.params.remove("inputResponses", "requestState")
	if len(responses) > 0 {
		m.params.set("inputResponses", responses.encode())
	}
	if state := asked.get("requestState"); state != nil {
		m.params.set("requestState", state)
	}
	return nil
}

// maxAsked bounds the questions of a server during one request.
const maxAsked = 16

// roundTrip sends one request and waits for its response.
func (p *peer) roundTrip(ctx context.Context, o origin, a *acquaintance, m *message, c other) (jsontext.Value, error) {
	p.used.Store(time.Now().Unix())
	m.id = p.next()
	res, err := p.gate.send(ctx, o, http.MethodPost, p.server, a.headers(m), m.encode())
	if err != nil {
		p.cancel(ctx, o, a, m)
		return nil, err
	}
	var asked sync.WaitGroup
	defer asked.Wait()
	asking, done := context.WithCancel(ctx)
	defer done()
	questions := 0
	answer, err := read(p.server, res, m.id, func(in *message) {
		if in.isNotification() {
			adoptNotice(p.server, in)
			c.notify(in)
			return
		}
		if questions++; questions <= maxAsked {
			asked.Go(func() { p.respond(asking, o, a, in, c) })
		}
	})
	switch {
	case err != nil:
		p.cancel(ctx, o, a, m)
		return nil, err
	case answer.failure != nil:
		return nil, readError(answer.failure)
	default:
		return answer.result, nil
	}
}

// respond answers a request of the server by what the client says.
func (p *peer) respond(ctx context.Context, o origin, a *acquaintance, m *message, c other) {
	response, err := c.ask(ctx, m)
	if err != nil {
		response = &message{failure: asError(err).encode()}
	}
	if ctx.Err() == nil {
		_ = p.tell(ctx, o, a, &message{id: m.id, result: response.result, failure: response.failure}) // the server sees it unanswered
	}
}

// farewell bounds what is still said to a server for a request that is over.
const farewell = 2 * time.Second

// cancel tells a server with sessions that nobody waits any more. In 2026-07-28 the end of the connection says it.
func (p *peer) cancel(ctx context.Context, o origin, a *acquaintance, m *message) {
	if ctx.Err() == nil || a.modern {
		return
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer done()
	_ = p.tell(ctx, o, a, &message{method: "notifications/cancelled", params: object{{"requestId", m.id}}})
}

// leave ends the session with the server.
func (p *peer) leave(ctx context.Context, o origin) {
	a := p.met.Load()
	if a == nil || a.session == "" {
		return
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer done()
	if res, err := p.gate.send(ctx, o, http.MethodDelete, p.server, a.headers(nil), nil); err == nil {
		res.Body.Close()
	}
}

// mute is a client of one era or the other that hears nothing and can be asked nothing.
type mute struct{ era bool }

func (mute) notify(*message) {}
func (m mute) modern() bool  { return m.era }
func (mute) ask(context.Context, *message) (*message, error) {
	return nil, failure(codeNotFound, "nobody can be asked here")
}
