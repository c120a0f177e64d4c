package tries

import (
	"fmt"
	"testing"
	"time"

	"bartizan/filters"
)

func request(id, session, prompt string) *filters.Exchange {
	return &filters.Exchange{
		ID: id, LLM: &filters.LLM{Model: "m"}, Identity: filters.Identity{Method: "virtual_key", User: "ann"},
		Claimed: filters.Claimed{Session: session, Class: filters.ClassMain},
		Blocks: []filters.Block{
			{Origin: filters.OriginUser, Data: filters.Plain(prompt)},
			{Origin: filters.OriginSystem, Data: filters.Plain("env")},
			{Origin: filters.OriginToolDefinition, Data: filters.Plain("{}")},
		},
	}
}

// TestOneTurn: Claude Code's six tries after a 400 change tools, the system message, and how thinking is shown; and all of them are one turn.
func TestOneTurn(t *testing.T) {
	table := New(time.Now)
	for n := 1; n <= 6; n++ {
		x := request(fmt.Sprint(n), "s", "Sum up report.docx.")
		if n >= 4 {
			x.Blocks[1].Data = filters.Plain("env, no deferred tools")
			x.Blocks = append(x.Blocks, filters.Block{Origin: filters.OriginToolDefinition, Data: filters.Plain(`{"name":"WebFetch"}`)})
			x.LLM.Stream = n%2 == 0
		}
		turn := table.Try(x)
		table.Answered(x, turn) // a client with a session repeats a good answer only because it cannot use it
		if x.Try != n || x.FirstTry != "1" {
			t.Errorf("try %d: %d of %s", n, x.Try, x.FirstTry)
		}
	}
}

func TestOtherTurns(t *testing.T) {
	table := New(time.Now)
	table.Try(request("first", "s", "a"))
	for name, change := range map[string]func(*filters.Exchange){
		"another identity": func(x *filters.Exchange) { x.Identity.User = "bob" },
		"another session":  func(x *filters.Exchange) { x.Claimed.Session = "t" },
		"a subagent":       func(x *filters.Exchange) { x.Claimed.Agent = "a" },
		"a title of it":    func(x *filters.Exchange) { x.Claimed.Class = filters.ClassTitle },
		"the next turn": func(x *filters.Exchange) {
			x.Blocks = append(x.Blocks, filters.Block{Origin: filters.OriginToolResult, Data: filters.Plain("r")})
		},
		"other bounds of blocks": func(x *filters.Exchange) { x.Blocks[0].Data = filters.Data{} },
	} {
		x := request("x", "s", "a")
		change(x)
		if table.Try(x); x.Try != 1 || x.FirstTry != "x" {
			t.Errorf("%s: try %d of %s", name, x.Try, x.FirstTry)
		}
	}
	for name, change := range map[string]func(*filters.Exchange){
		"nobody":          func(x *filters.Exchange) { x.Identity = filters.Identity{} },
		"a probe":         func(x *filters.Exchange) { x.Claimed.Class = filters.ClassProbe },
		"tokens counted":  func(x *filters.Exchange) { x.Claimed.Class = filters.ClassCount },
		"a file":          func(x *filters.Exchange) { x.Claimed.Class = "" },
		"no conversation": func(x *filters.Exchange) { x.Blocks = x.Blocks[1:] },
		"no model":        func(x *filters.Exchange) { x.LLM = nil },
	} {
		x := request("x", "s", "a")
		change(x)
		if turn := table.Try(x); turn != 0 || x.Try != 0 {
			t.Errorf("%s: try %d", name, x.Try)
		}
	}
}

// TestWithoutSession: a script that asks the same again is not trying again, unless it got no good answer.
func TestWithoutSession(t *testing.T) {
	table := New(time.Now)
	for i, want := range []int{1, 2, 1} {
		x := request(fmt.Sprint(i), "", "a")
		turn := table.Try(x)
		if x.Try != want {
			t.Errorf("request %d is try %d, want %d", i, x.Try, want)
		}
		if i == 1 {
			table.Answered(x, turn)
		}
	}
}

func TestBounds(t *testing.T) {
	now := time.Unix(1e9, 0)
	table := New(func() time.Time { return now })
	table.Try(request("old", "s", "old"))
	for i := range maxKept {
		table.Try(request("x", "s", fmt.Sprint(i)))
	}
	if len(table.turns) != maxKept || table.order.Len() != maxKept {
		t.Errorf("%d turns kept", len(table.turns))
	}
	x := request("new", "s", "old")
	if table.Try(x); x.Try != 1 {
		t.Error("the turn tried longest ago was not forgotten")
	}
	now = now.Add(Window + 1)
	if table.Try(request("y", "s", "y")); len(table.turns) != 1 {
		t.Errorf("%d turns kept beyond the window", len(table.turns))
	}
}
