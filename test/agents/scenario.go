package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"bartizan/extproc/audit/tail"
)

// scenario is one prompt and what must come of it.
type scenario struct {
	name    string
	server  string
	model   bool   // a rule denies the model call itself
	tool    string // what the model calls; empty: nothing
	input   string
	outcome string // of the one call that there must be, model call or tool call
	shown   string // what the person or the model gets to read
}

func scenarios() []scenario {
	var all []scenario
	for _, server := range []string{"sessions", "stateless"} {
		all = append(all,
			scenario{name: "a tool called, " + server, server: server, tool: "query_sales", input: `{"region":"EU"}`, outcome: "allow", shown: sold},
			scenario{name: "a tool refused, " + server, server: server, tool: "update_sales", input: `{"region":"EU","amount":1}`, outcome: "deny", shown: reason},
			scenario{name: "a result quarantined, " + server, server: server, tool: "query_sales", input: `{"region":"POISON"}`, outcome: "quarantine", shown: poisoned},
		)
	}
	return append(all, scenario{name: "a model call refused", server: "sessions", model: true, outcome: "deny", shown: prompted})
}

// play runs a scenario and says what is wrong with what came of it.
func (w *world) play(ctx context.Context, a agent, s scenario) error {
	seen := len(w.fleet.Records.All())
	prompt := "Show the sales. fake:tool:" + a.tool(s.server, s.tool) + s.input
	if s.model {
		prompt = "This is FORBIDDEN."
	}
	printed, err := a.ask(ctx, w, s.server, prompt)
	if err != nil && !s.model { // an agent whose model call is refused ends with an error of its own
		return fmt.Errorf("%w\n%s", err, printed)
	}
	calls, err := w.calls(ctx, s, seen)
	switch {
	case err != nil:
		return fmt.Errorf("%w; it printed:\n%s", err, printed)
	case len(calls) != 1:
		return fmt.Errorf("%d tries, want one", len(calls))
	case calls[0].Own().Outcome != s.outcome:
		return fmt.Errorf("outcome %s, want %s", calls[0].Own().Outcome, s.outcome)
	case !strings.Contains(printed, s.shown):
		return fmt.Errorf("nobody reads %q; it printed:\n%s", s.shown, printed)
	}
	return nil
}

// calls waits for the scenario's call, and returns it with all that are like it.
func (w *world) calls(ctx context.Context, s scenario, seen int) ([]tail.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	like := func(e tail.Event) bool {
		if s.model {
			return e.Own().Surface == "llm" && e.Own().Outcome != "allow"
		}
		return e.Own().MCP.Tool == s.tool
	}
	n := 0
	_, err := w.fleet.Records.Wait(ctx, func(e tail.Event) bool { n++; return n > seen && like(e) })
	if err != nil {
		return nil, err
	}
	var found []tail.Event
	for _, e := range w.fleet.Records.All()[seen:] {
		if like(e) {
			found = append(found, e)
		}
	}
	return found, nil
}
