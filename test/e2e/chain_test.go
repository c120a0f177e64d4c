package e2e

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bartizan/extproc/audit/tail"
	"bartizan/test/env"
)

// neverAsked refuses what no model asked for, and what it asked for in other words.
const neverAsked = `apiVersion: bartizan/v1
kind: Policy
metadata: { name: chain }
spec:
  surface: mcp
  rules:
    - name: asked-for
      on: [tools/call]
      expression: mcp.call.cause.match == 'unknown'
      action: deny
      severity: high
      reason: No model asked for this call.
    - name: as-asked-for
      on: [tools/call]
      expression: mcp.call.cause.match != 'unknown' && !mcp.call.cause.exact
      action: deny
      severity: high
      reason: The model asked for something else.
`

const arguments = `{"quarter":"2026-Q3","region":"EU"}`

var toolUseID = regexp.MustCompile(`"id":"((?:toolu|call)_[^"]+)"`)

// asked lets the fake model ask for a tool, and returns the call's id and the decision about the answer.
func (w *world) asked(t *testing.T, gateway, tool string, stream bool) (id, decision string) {
	t.Helper()
	a := call(t, at(gateway, w.messages(t, bobKey, "claude-sonnet-5", "tool:"+tool+arguments, stream)))
	m := toolUseID.FindStringSubmatch(a.body)
	if a.status != 200 || m == nil {
		t.Fatalf("the model asks for nothing: %d %s", a.status, a.body)
	}
	return m[1], a.decision()
}

// own is what the record of a decision says beside OCSF.
func (w *world) own(t *testing.T, decision string) *tail.Own {
	t.Helper()
	e := w.decision(t, decision)
	return e.Own()
}

// callTool calls query_sales at a gateway. meta names the model's call as a client does; it may be empty.
func (w *world) callTool(t *testing.T, gateway, key, meta, arguments string) answer {
	t.Helper()
	if meta != "" {
		meta = `,"_meta":{` + meta + `}`
	}
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query_sales","arguments":` + arguments + meta + `}}`
	return call(t, at(gateway, w.post(t, "/mcp/modern", key, body)))
}

// at sends a request to another gateway.
func at(gateway string, req *http.Request) *http.Request {
	req.URL.Host = strings.TrimPrefix(gateway, "http://")
	req.Host = req.URL.Host
	return req
}

// TestChain: one chain from the model's answer through the tools/call to the result in the next request, each link a record that
// names the others; a call that no model asked this caller for is refused by a rule.
func TestChain(t *testing.T) {
	w := start(t, env.FleetOptions{})
	w.live(t, map[string]string{"chain.yaml": neverAsked})
	id, asked := w.asked(t, w.URL, "mcp__modern__query_sales", true)
	claims := fmt.Sprintf(`"claudecode/toolUseId":%q`, id)
	for _, c := range []struct {
		name, key, meta, arguments string
		says                       string // empty: it is allowed
		cause                      tail.Cause
	}{
		{"by id, keys in another order", bobKey, claims, `{"region":"EU","quarter":"2026-Q3"}`, "", tail.Cause{Match: "id", ID: id, Decision: asked, Exact: true, Uses: 1}},
		{"by arguments", bobKey, "", arguments, "", tail.Cause{Match: "arguments", ID: id, Decision: asked, Exact: true, Uses: 2}},
		{"by id, other arguments", bobKey, claims, `{"quarter":"2026-Q4","region":"EU"}`, "asked for something else", tail.Cause{Match: "id", ID: id, Decision: asked, Uses: 3}},
		{"never asked", bobKey, `"callId":"call_of_nobody"`, `{"quarter":"2026-Q4","region":"EU"}`, "No model asked", tail.Cause{Match: "unknown"}},
		{"another user's", aliceKey, claims, arguments, "No model asked", tail.Cause{Match: "unknown"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.callTool(t, w.URL, c.key, c.meta, c.arguments)
			if refused := strings.Contains(a.body, `"isError":true`); a.status != 200 || refused != (c.says != "") || !strings.Contains(a.body, c.says) {
				t.Errorf("%d %s", a.status, a.body)
			}
			if got := w.own(t, a.decision()).MCP.Cause; got != c.cause {
				t.Errorf("cause %+v, want %+v", got, c.cause)
			}
		})
	}

	last := w.own(t, w.callTool(t, w.URL, bobKey, claims, arguments).decision())
	turn := `{"model":"claude-sonnet-5","max_tokens":64,"messages":[{"role":"user","content":"Sales?"},
		{"role":"assistant","content":[{"type":"tool_use","id":"` + id + `","name":"mcp__modern__query_sales","input":` + arguments + `}]},
		{"role":"user","content":[{"type":"tool_result","tool_use_id":"` + id + `","content":"1250000"}]}]}`
	for i, want := range [][]tail.ToolResult{{{ID: id, Asked: asked, Call: last.DecisionID}}, nil} { // a history is sent again with every turn
		a := call(t, w.post(t, "/anthropic/v1/messages", bobKey, turn))
		if got := w.own(t, a.decision()).LLM.ToolResults; !slices.Equal(got, want) {
			t.Errorf("turn %d: tool results %+v, want %+v", i+2, got, want)
		}
	}
}

// TestChainAcrossReplicas: what one replica has seen a model ask for, the other knows; without NATS a cause is unknown, and no error.
func TestChainAcrossReplicas(t *testing.T) {
	w := start(t, env.FleetOptions{})
	second, err := w.StartSecond(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id, asked := w.asked(t, second, "mcp_modern_query_sales", false)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.AwaitMetric(ctx, `bartizan_cause_notices_total{how="received"}`, 1); err != nil {
		t.Fatal(err)
	}
	here := w.callTool(t, w.URL, bobKey, "", arguments)
	want := tail.Cause{Match: "arguments", ID: id, Decision: asked, Exact: true, Uses: 1}
	if got := w.own(t, here.decision()).MCP.Cause; got != want {
		t.Errorf("cause %+v, want %+v", got, want)
	}

	w.StopNATS()
	id, asked = w.asked(t, w.URL, "mcp_modern_query_sales", false)
	meta := fmt.Sprintf(`"callId":%q`, id)
	there := w.callTool(t, second, bobKey, meta, `{"quarter":"2026-Q1","region":"EU"}`)
	here = w.callTool(t, w.URL, bobKey, meta, arguments)
	for _, a := range []answer{there, here} {
		if a.status != 200 || strings.Contains(a.body, `"isError":true`) {
			t.Errorf("without NATS: %d %s", a.status, a.body)
		}
	}
	if err := w.StartNATS(); err != nil {
		t.Fatal(err)
	}
	w.Records = env.Follow(t.Context(), w.NATS)
	if got := w.own(t, there.decision()).MCP.Cause; got != (tail.Cause{Match: "unknown"}) {
		t.Errorf("at the second replica, without NATS: cause %+v", got)
	}
	if got := w.own(t, here.decision()).MCP.Cause; got.ID != id || got.Decision != asked {
		t.Errorf("at the first replica, without NATS: cause %+v", got)
	}
}
