package cause

import (
	"container/list"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"
	"time"

	"bartizan/filters"
	"bartizan/filters/strictjson"
)

// Bounds of a memory.
const (
	Lifetime     = time.Hour // of a call: a person may be asked before it is carried out
	maxCalls     = 1 << 16   // of all identities
	maxOwn       = 1 << 11   // of one
	maxText      = 256       // bytes of an id or a name; calls with longer ones are not kept
	maxPerAnswer = 128       // what one answer asks for beyond that is not kept
)

// Caller stands for a verified identity.
type Caller [16]byte

// MarshalText writes it in hexadecimal.
func (c Caller) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, c[:]), nil }

// UnmarshalText reads what MarshalText writes.
func (c *Caller) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(c)) {
		return hex.ErrLength
	}
	_, err := hex.Decode(c[:], text)
	return err
}

func callerOf(i filters.Identity) Caller {
	who := "user\x00" + i.User
	if i.User == "" {
		who = "key\x00" + i.Key
	}
	sum := sha256.Sum256([]byte(who))
	return Caller(sum[:16])
}

type key struct {
	caller Caller
	id     string
}

// call is a tool call that a model asked for.
type call struct {
	key
	asked    Asked
	uses     int
	carried  string // the decision about the last tools/call that carried it out
	returned bool   // its result has gone back to the model
	born     time.Time
	all, own *list.Element
}

// Memory keeps tool calls that models asked for.
type Memory struct {
	clock   func() time.Time
	publish func(*Notice)

	mu    sync.Mutex
	calls map[key]*call
	all   list.List // of *call, the oldest first
	own   map[Caller]*list.List
}

// New returns an empty memory that reads the time from clock and hands what it learns to publish; nil: it is alone.
func New(clock func() time.Time, publish func(*Notice)) *Memory {
	if publish == nil {
		publish = func(*Notice) {}
	}
	return &Memory{clock: clock, publish: publish, calls: map[key]*call{}, own: map[Caller]*list.List{}}
}

// Asked says that the answer to x asks for calls. They must be remembered before the caller can read them.
func (m *Memory) Asked(x *filters.Exchange, calls []filters.ToolCall) {
	if !x.Identity.Known() || x.LLM == nil {
		return
	}
	for i, c := range calls[:min(len(calls), maxPerAnswer)] {
		if c.ID == "" { // its client makes one up
			c.ID = x.ID + "#" + strconv.Itoa(i) + c.Name
		}
		m.learn(&Notice{
			Caller: callerOf(x.Identity), ID: c.ID, Time: m.clock(),
			Asked: &Asked{Tool: c.Name, Arguments: c.Arguments, Decision: x.ID, Provider: x.LLM.Provider, Model: x.LLM.Model},
		})
	}
}

// Cause finds the model's call that a tools/call carries out, and notes that it did.
func (m *Memory) Cause(x *filters.Exchange) filters.Cause {
	unknown := filters.Cause{Match: filters.CauseUnknown}
	if !x.Identity.Known() {
		return unknown
	}
	arguments := x.MCP.Arguments
	if arguments == nil {
		arguments = []byte("{}")
	}
	digest, _ := strictjson.Digest(arguments)
	m.mu.Lock()
	c, match := m.find(callerOf(x.Identity), x.MCP.ToolUseID, x.MCP.Tool.Name, digest)
	if c == nil {
		m.mu.Unlock()
		return unknown
	}
	exact := c.asked.names(x.MCP.Tool.Name) && c.asked.with(digest)
	found := filters.Cause{
		Match: match, ID: c.id, Decision: c.asked.Decision, Provider: c.asked.Provider, Model: c.asked.Model, Exact: exact, Uses: c.uses + 1,
	}
	c.carry(x.ID)
	notice := &Notice{Caller: c.caller, ID: c.id, Time: m.clock(), Carried: x.ID}
	m.mu.Unlock()
	m.publish(notice)
	return found
}

// Returned joins the results among the blocks of a request to a model with what is known of their calls. Each is told once: agents
// send their whole history with every turn.
func (m *Memory) Returned(x *filters.Exchange) []filters.ToolResult {
	if !x.Identity.Known() {
		return nil
	}
	var results []filters.ToolResult
	var notices []*Notice
	k := key{caller: callerOf(x.Identity)}
	m.mu.Lock()
	m.expire()
	for i := range x.Blocks {
		if b := &x.Blocks[i]; b.Origin != filters.OriginToolResult || b.CallID == "" {
			continue
		}
		k.id = x.Blocks[i].CallID
		c := m.calls[k]
		if c == nil || c.returned {
			continue
		}
		c.returned = true
		results = append(results, filters.ToolResult{ID: strings.Clone(c.id), Asked: c.asked.Decision, Call: c.carried})
		notices = append(notices, &Notice{Caller: c.caller, ID: c.id, Time: m.clock(), Returned: true})
	}
	m.mu.Unlock()
	for _, n := range notices {
		m.publish(n)
	}
	return results
}

func (m *Memory) learn(n *Notice) {
	if n.sound() {
		m.Learn(n)
		m.publish(n)
	}
}

// Learn takes what another memory has learnt. What it says of calls that are not known, or too late, changes nothing.
func (m *Memory) Learn(n *Notice) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire()
	if m.clock().Sub(n.Time) > Lifetime {
		return
	}
	c := m.calls[key{n.Caller, n.ID}]
	switch {
	case n.Asked != nil:
		if c == nil || c.asked != *n.Asked {
			m.keep(n)
		}
	case c == nil:
	case n.Carried != "":
		c.carry(n.Carried)
	case n.Returned:
		c.returned = true
	}
}

func (c *call) carry(decision string) {
	c.uses++
	c.carried = decision
}

// keep takes the place of an earlier call with the same id.
func (m *Memory) keep(n *Notice) {
	c := &call{key: key{n.Caller, n.ID}, asked: *n.Asked, born: m.clock()}
	if old := m.calls[c.key]; old != nil {
		m.forget(old)
	}
	own := m.own[c.caller]
	if own == nil {
		own = list.New()
		m.own[c.caller] = own
	}
	c.all, c.own = m.all.PushBack(c), own.PushBack(c)
	m.calls[c.key] = c
	switch {
	case own.Len() > maxOwn:
		m.forget(own.Front().Value.(*call))
	case m.all.Len() > maxCalls:
		m.forget(m.all.Front().Value.(*call))
	}
}

func (m *Memory) forget(c *call) {
	delete(m.calls, c.key)
	m.all.Remove(c.all)
	own := m.own[c.caller]
	if own.Remove(c.own); own.Len() == 0 {
		delete(m.own, c.caller)
	}
}

// expire forgets what is too old. Calls are in the order in which they became known here, by the clock of this process.
func (m *Memory) expire() {
	end := m.clock().Add(-Lifetime)
	for e := m.all.Front(); e != nil && e.Value.(*call).born.Before(end); e = m.all.Front() {
		m.forget(e.Value.(*call))
	}
}

// find looks for the call with the id that the client names, or else for the newest with this tool and these arguments, one that
// nobody has carried out before one that somebody has.
func (m *Memory) find(who Caller, id, tool string, arguments filters.Digest) (*call, string) {
	m.expire()
	if c := m.calls[key{who, id}]; c != nil && id != "" {
		return c, filters.CauseByID
	}
	own := m.own[who]
	if own == nil || arguments == (filters.Digest{}) {
		return nil, ""
	}
	var used *call
	for e := own.Back(); e != nil; e = e.Prev() {
		c := e.Value.(*call)
		if !c.asked.with(arguments) || !c.asked.names(tool) {
			continue
		}
		if c.uses == 0 {
			return c, filters.CauseByArguments
		}
		if used == nil {
			used = c
		}
	}
	return used, filters.CauseByArguments
}
