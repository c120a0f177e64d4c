package cause

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bartizan/filters"
	"bartizan/filters/strictjson"
)

// clock is a time that tests move.
type clock struct{ now time.Time }

func (c *clock) time() time.Time { return c.now }

func newClock() *clock { return &clock{time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)} }

var (
	ana = filters.Identity{Method: "virtual_key", User: "ana@example.com", Key: "ana-laptop"}
	bo  = filters.Identity{Method: "virtual_key", User: "bo@example.com", Key: "bo-laptop"}
)

func answerTo(who filters.Identity, id string) *filters.Exchange {
	return &filters.Exchange{ID: id, Identity: who, LLM: &filters.LLM{Provider: "anthropic", Model: "claude-sonnet-5"}}
}

func asks(id, name, arguments string) filters.ToolCall {
	c := filters.ToolCall{ID: id, Name: name, Complete: true}
	c.Arguments, _ = strictjson.Digest([]byte(arguments))
	return c
}

func toolsCall(who filters.Identity, id, tool, arguments string) *filters.Exchange {
	return &filters.Exchange{
		ID: "call-" + id + tool, Identity: who, MCP: &filters.MCP{Tool: filters.MCPTool{Name: tool}, ToolUseID: id, Arguments: []byte(arguments)},
	}
}

func results(who filters.Identity, ids ...string) *filters.Exchange {
	x := &filters.Exchange{ID: "next-turn", Identity: who, LLM: &filters.LLM{}}
	for _, id := range ids {
		x.Blocks = append(x.Blocks, filters.Block{Origin: filters.OriginToolResult, CallID: id})
	}
	return x
}

func TestCause(t *testing.T) {
	const arguments = `{"region":"EU","year":2026}`
	for _, c := range []struct {
		name string
		call *filters.Exchange
		want filters.Cause
	}{
		{"by id", toolsCall(ana, "toolu_1", "query_sales", arguments), filters.Cause{Match: "id", ID: "toolu_1", Exact: true, Uses: 1}},
		{"by id, keys in another order", toolsCall(ana, "toolu_1", "query_sales", `{"year":2026.0,"region":"EU"}`), filters.Cause{Match: "id", ID: "toolu_1", Exact: true, Uses: 1}},
		{"by id, other arguments", toolsCall(ana, "toolu_1", "query_sales", `{"region":"US"}`), filters.Cause{Match: "id", ID: "toolu_1", Uses: 1}},
		{"by id, another tool", toolsCall(ana, "toolu_1", "update_sales", arguments), filters.Cause{Match: "id", ID: "toolu_1", Uses: 1}},
		{"by arguments, the newest", toolsCall(ana, "", "query_sales", arguments), filters.Cause{Match: "arguments", ID: "toolu_2", Exact: true, Uses: 1}},
		{"an id that no model gave", toolsCall(ana, "toolu_9", "list.all", ``), filters.Cause{Match: "arguments", ID: "toolu_3", Exact: true, Uses: 1}},
		{"a tool of a namespace", toolsCall(ana, "", "update", ``), filters.Cause{Match: "arguments", ID: "call_4", Exact: true, Uses: 1}},
		{"arguments that no model gave", toolsCall(ana, "", "query_sales", `{"region":"US"}`), filters.Cause{Match: "unknown"}},
		{"a tool that no model named", toolsCall(ana, "", "update_sales", arguments), filters.Cause{Match: "unknown"}},
		{"another identity", toolsCall(bo, "toolu_1", "query_sales", arguments), filters.Cause{Match: "unknown"}},
		{"nobody", toolsCall(filters.Identity{}, "toolu_1", "query_sales", arguments), filters.Cause{Match: "unknown"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := New(newClock().time, nil)
			m.Asked(answerTo(ana, "turn-1"), []filters.ToolCall{
				asks("toolu_1", "mcp__warehouse__query_sales", arguments), asks("toolu_2", "mcp_warehouse_query_sales", arguments),
				asks("toolu_3", "mcp__warehouse__list_all", `{}`), asks("call_4", "mcp__warehouse/update", `{}`),
			})
			if c.want.ID != "" {
				c.want.Decision, c.want.Provider, c.want.Model = "turn-1", "anthropic", "claude-sonnet-5"
			}
			if string(c.call.MCP.Arguments) == "" {
				c.call.MCP.Arguments = nil
			}
			if diff := cmp.Diff(c.want, m.Cause(c.call)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestUses: a call that was carried out already is found again, counted, and only when there is no other.
func TestUses(t *testing.T) {
	m := New(newClock().time, nil)
	m.Asked(answerTo(ana, "turn-1"), []filters.ToolCall{asks("a", "query", `{}`), asks("b", "query", `{}`)})
	for i, want := range []struct {
		id   string
		uses int
	}{{"b", 1}, {"a", 1}, {"b", 2}, {"b", 3}} {
		if c := m.Cause(toolsCall(ana, "", "query", `{}`)); c.ID != want.id || c.Uses != want.uses {
			t.Errorf("call %d is caused by %s, used %d times; want %+v", i, c.ID, c.Uses, want)
		}
	}
}

// TestReturned: a result is told once, with both decisions, and only to the identity whose call it was.
func TestReturned(t *testing.T) {
	m := New(newClock().time, nil)
	m.Asked(answerTo(ana, "turn-1"), []filters.ToolCall{asks("a", "query", `{}`), asks("b", "Bash", `{}`)})
	m.Cause(toolsCall(ana, "a", "query", `{}`))
	if got := m.Returned(results(bo, "a", "b")); got != nil {
		t.Errorf("another identity gets %+v", got)
	}
	want := []filters.ToolResult{{ID: "a", Asked: "turn-1", Call: "call-aquery"}, {ID: "b", Asked: "turn-1"}}
	if diff := cmp.Diff(want, m.Returned(results(ana, "a", "zzz", "b", "a"))); diff != "" {
		t.Error(diff)
	}
	if got := m.Returned(results(ana, "a", "b")); got != nil {
		t.Errorf("told again: %+v", got)
	}
}

// TestForgets: after an hour, and the oldest first where there are too many; others keep theirs.
func TestForgets(t *testing.T) {
	c := newClock()
	m := New(c.time, nil)
	m.Asked(answerTo(bo, "turn-0"), []filters.ToolCall{asks("bo", "query", `{"of":"bo"}`)})
	for i := range maxOwn + 1 {
		m.Asked(answerTo(ana, "turn"), []filters.ToolCall{asks(fmt.Sprint(i), "query", fmt.Sprintf(`{"n":%d}`, i))})
	}
	for _, w := range []struct {
		who   filters.Identity
		id    string
		match string
	}{{ana, "0", filters.CauseUnknown}, {ana, "1", filters.CauseByID}, {bo, "bo", filters.CauseByID}} {
		if got := m.Cause(toolsCall(w.who, w.id, "query", `{"x":1}`)); got.Match != w.match {
			t.Errorf("%s: %s, want %s", w.id, got.Match, w.match)
		}
	}
	c.now = c.now.Add(Lifetime + 1)
	if got := m.Cause(toolsCall(bo, "bo", "query", `{}`)); got.Match != filters.CauseUnknown || len(m.calls) != 0 || m.all.Len() != 0 || len(m.own) != 0 {
		t.Errorf("after an hour: %+v, %d calls, %d in order, %d identities", got, len(m.calls), m.all.Len(), len(m.own))
	}
}

// TestIDTwice: a provider that gives an id again means the new call.
func TestIDTwice(t *testing.T) {
	m := New(newClock().time, nil)
	for i := range 3 {
		m.Asked(answerTo(ana, fmt.Sprint("turn-", i)), []filters.ToolCall{asks("call_1", "query", fmt.Sprintf(`{"n":%d}`, i))})
		m.Cause(toolsCall(ana, "call_1", "query", `{}`))
	}
	if got := m.Cause(toolsCall(ana, "call_1", "query", `{"n":2}`)); got.Decision != "turn-2" || !got.Exact || got.Uses != 2 || m.all.Len() != 1 {
		t.Errorf("%+v, %d kept", got, m.all.Len())
	}
}

// TestShared: what one memory learns, another knows, by the encoded notices alone.
func TestShared(t *testing.T) {
	c := newClock()
	var left, right *Memory
	carry := func(to **Memory) func(*Notice) {
		return func(n *Notice) {
			raw, err := n.Encode()
			if err != nil {
				t.Fatal(err)
			}
			read, err := Decode(raw)
			if err != nil {
				t.Fatal(err)
			}
			(*to).Learn(read)
		}
	}
	left, right = New(c.time, carry(&right)), New(c.time, carry(&left))
	left.Asked(answerTo(ana, "turn-1"), []filters.ToolCall{asks("a", "query", `{"q":1}`)})
	if got := right.Cause(toolsCall(ana, "", "query", `{"q":1}`)); got.ID != "a" || got.Uses != 1 || !got.Exact {
		t.Errorf("the other replica finds %+v", got)
	}
	if got := left.Cause(toolsCall(ana, "a", "query", `{"q":1}`)); got.Uses != 2 {
		t.Errorf("the first replica counts %d uses, want 2", got.Uses)
	}
	if got := right.Returned(results(ana, "a")); len(got) != 1 || got[0].Call != "call-aquery" {
		t.Errorf("results %+v", got)
	}
	if got := left.Returned(results(ana, "a")); got != nil {
		t.Errorf("told on both replicas: %+v", got)
	}
}

// TestLateNotice: what waited out a call's lifetime is not learnt.
func TestLateNotice(t *testing.T) {
	c := newClock()
	m := New(c.time, nil)
	m.Learn(&Notice{Caller: callerOf(ana), ID: "a", Time: c.now.Add(-Lifetime - 1), Asked: &Asked{Tool: "query"}})
	if len(m.calls) != 0 {
		t.Error("a call of long ago was learnt")
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, raw := range []string{
		``, `{}`, `[]`, `{"id":"a"}`, `{"id":"a","carried":"x","returned":true}`, `{"id":"","returned":true}`, `{"id":"a","returned":true,"body":"x"}`,
		`{"caller":"AAAA","id":"a","returned":true}`, fmt.Sprintf(`{"id":"%0300d","returned":true}`, 1), `{"id":"a","asked":{"arguments":"abc"}}`,
	} {
		if n, err := Decode([]byte(raw)); err == nil {
			t.Errorf("%s is read as %+v", raw, n)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"caller":"000102030405060708090a0b0c0d0e0f","id":"a","time":"2026-11-24T12:00:00Z","asked":{"tool":"q","arguments":"","decision":"d","provider":"p","model":"m"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, err := Decode(raw)
		if err != nil {
			return
		}
		m := New(newClock().time, nil)
		m.Learn(n)
		if _, err := n.Encode(); err != nil {
			t.Errorf("what was read cannot be written: %v", err)
		}
	})
}

func BenchmarkCause(b *testing.B) {
	m := New(newClock().time, nil)
	for i := range maxOwn {
		m.Asked(answerTo(ana, "turn"), []filters.ToolCall{asks(fmt.Sprint(i), "query", fmt.Sprintf(`{"n":%d}`, i))})
	}
	for name, call := range map[string]*filters.Exchange{
		"by id": toolsCall(ana, "7", "query", `{"n":7}`), "by arguments, the oldest": toolsCall(ana, "", "query", `{"n":0}`),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				m.Cause(call)
			}
		})
	}
}
