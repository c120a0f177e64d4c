package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"bartizan/extproc/audit/tail"
)

// scenario is one prompt and what must come of it.
type scenario struct {
	name    string
	server  string
	prompt  string // in the place of the one that makes the model call a tool
	model   bool   // a rule denies the model call, or what the model answers: no tool is called
	tool    string // what the model calls; empty: nothing
	input   string
	outcome string // of the call that there must be, model call or tool call
	shown   string // what the person or the model gets to read
	each    bool   // of the requests with which a turn begins, since all hold the prompt; else there is one such call
	again   bool   // the session has a second turn
}

func scenarios() []scenario {
	var all []scenario
	for _, server := range []string{"sessions", "stateless"} {
		all = append(all,
			scenario{name: "a tool called, and a second turn, " + server, server: server, again: true, tool: "query_sales", input: `{"region":"EU"}`, outcome: "allow", shown: sold},
			scenario{name: "a tool refused, " + server, server: server, tool: "update_sales", input: `{"region":"EU","amount":1}`, outcome: "deny", shown: reason},
			scenario{name: "a result quarantined, " + server, server: server, tool: "query_sales", input: `{"region":"POISON"}`, outcome: "quarantine", shown: poisoned},
		)
	}
	return append(all,
		scenario{name: "a prompt refused", server: "sessions", model: true, prompt: "This is FORBIDDEN.", each: true, outcome: "deny", shown: prompted},
		scenario{
			name: "an answer refused as a message, and a second turn", server: "sessions", again: true, model: true,
			prompt: `Tell me. fake:say:"All about Project Z." stream:9`, outcome: "deny", shown: unsaid,
		},
		scenario{
			name: "a tool call of the model refused", server: "sessions", model: true, tool: "query_sales", input: `{"region":"SECRET"}`,
			outcome: "quarantine", shown: unasked,
		},
	)
}

// play runs a scenario and says what is wrong with what came of it.
func (w *world) play(ctx context.Context, a agent, s scenario) error {
	seen := len(w.fleet.Records.All())
	prompt := "Show the sales. fake:tool:" + a.tool(s.server, s.tool) + s.input
	if s.prompt != "" {
		prompt = s.prompt
	}
	home, err := os.MkdirTemp(w.folder, "home-")
	if err != nil {
		return err
	}
	printed, err := a.ask(ctx, w, home, s.server, prompt, false)
	if err != nil && !s.model { // an agent whose model call is refused ends with an error of its own
		return fmt.Errorf("%w\n%s", err, printed)
	}
	calls, err := w.calls(ctx, s, seen)
	want := 1
	if s.each {
		want = a.asks
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w; it printed:\n%s", err, printed)
	case len(calls) != want:
		return fmt.Errorf("%d tries, want %d; it printed:\n%s", len(calls), want, printed)
	case calls[0].Own().Outcome != s.outcome:
		return fmt.Errorf("outcome %s, want %s", calls[0].Own().Outcome, s.outcome)
	case !strings.Contains(printed, s.shown):
		return fmt.Errorf("nobody reads %q; it printed:\n%s", s.shown, printed)
	}
	want = a.asks
	if !s.model {
		want++ // with the result of the tool
	}
	if err := w.attributed(ctx, a, seen, want); err != nil || !s.again {
		return err
	}
	return w.goOn(ctx, a, s, home)
}

// goOn has a second turn of a session, which is known for one.
func (w *world) goOn(ctx context.Context, a agent, s scenario, home string) error {
	before := w.fleet.Records.All()
	seen, session := len(before), ""
	for _, e := range before {
		if ofModel(e) {
			session = e.Own().Claimed.Session
		}
	}
	printed, err := a.ask(ctx, w, home, s.server, "And now? fake:say:\"done\"", true)
	if err != nil || !strings.Contains(printed, "done") {
		return fmt.Errorf("the second turn: %w; it printed:\n%s", err, printed)
	}
	if err := w.attributed(ctx, a, seen, 1); err != nil {
		return fmt.Errorf("the second turn: %w", err)
	}
	for _, e := range w.fleet.Records.All()[seen:] {
		if c := e.Own().Claimed; ofModel(e) && c.Class == "main" && (c.Turn != 2 || a.sessions && c.Session != session) {
			return fmt.Errorf("the second turn of session %s is recorded as: %+v", session, c)
		}
	}
	return nil
}

// attributed looks whether the agent's requests to models, of which there are at least so many, are known for what they are: none is tried
// again, each is in the agent's session, and its tokens are counted.
func (w *world) attributed(ctx context.Context, a agent, seen, least int) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	n, asked := 0, 0
	_, err := w.fleet.Records.Wait(ctx, func(e tail.Event) bool {
		if n++; n > seen && ofModel(e) {
			asked++
		}
		return asked == least
	})
	if err != nil {
		return fmt.Errorf("%d requests to a model, want %d: %w", asked, least, err)
	}
	for _, e := range w.fleet.Records.All()[seen:] {
		own := e.Own()
		switch c := own.Claimed; {
		case !ofModel(e):
		case own.Try != 1:
			return fmt.Errorf("a request to a model is try %d of its turn", own.Try)
		case c.Client == "" || c.Class == "" || a.sessions && c.Session == "":
			return fmt.Errorf("a request to a model is nobody's: %+v", c)
		case own.Outcome == "allow" && (own.Usage.Counted != "all" || own.Cost.MicroUSD == 0):
			return fmt.Errorf("a request to a model is not counted: %+v, %+v", own.Usage, own.Cost)
		}
	}
	return nil
}

// ofModel tells whether a record is of a request to a model in a conversation. On Bedrock Claude Code asks first for inference profiles, which
// are of another API and no operation here, and probes some models.
func ofModel(e tail.Event) bool {
	return e.Own().Surface == "llm" && e.StatusCode != "unknown" && e.Own().Claimed.Class != "probe"
}

// calls waits for the scenario's call, and returns it with all that are like it.
func (w *world) calls(ctx context.Context, s scenario, seen int) ([]tail.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	like := func(e tail.Event) bool {
		if s.model {
			return ofModel(e) && e.Own().Outcome != "allow"
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
