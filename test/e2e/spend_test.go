package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/google/go-cmp/cmp"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"

	"bartizan/extproc/audit/tail"
	"bartizan/test/env"
)

const anthropicPrices = "https://platform.claude.com/docs/en/about-claude/pricing"

// TestCost: what the SDKs ask for is counted and priced in the record, and added up in the metrics.
func TestCost(t *testing.T) {
	w := start(t, env.FleetOptions{}) // what others have asked for may be counted after their answers
	grew := w.spent(t, map[string]float64{
		`cost_microusd_total{model="claude-opus-5-5",provider="anthropic"}`:       7000,
		`cost_microusd_total{model="gpt-5.5",provider="openai"}`:                  3560,
		`tokens_total{kind="input",model="claude-opus-5-5",provider="anthropic"}`: 2000,
		`user_cost_microusd_total{user="bob@example.com"}`:                        10560,
		`group_cost_microusd_total{group="platform"}`:                             10560,
		`turns_total{provider="openai"}`:                                          1,
	})
	name := tag()
	claude := w.anthropicClient(bobKey, anthropicoption.WithHeader("user-agent", name))
	stream := claude.Messages.NewStreaming(t.Context(),
		ask("claude-opus-5-5", `Hello. fake:say:"good morning" usage:2000,100,1000,800`))
	var message anthropic.Message
	for stream.Next() {
		if err := message.Accumulate(stream.Current()); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	own := w.ownOf(t, name)
	wantUsage := tail.Usage{Counted: "all", Input: 2000, Output: 100, CacheRead: 1000, CacheCreation: 800}
	// 200 of input at $4, 1,000 read at $0.20, 800 written at $5, 100 of output at $20, for a million each.
	wantCost := tail.Cost{MicroUSD: 800 + 200 + 4000 + 2000, PriceSource: anthropicPrices, PriceDate: own.Cost.PriceDate}
	if diff := cmp.Diff(wantUsage, own.Usage) + cmp.Diff(wantCost, own.Cost); diff != "" || own.Cost.PriceDate == "" {
		t.Error(diff)
	}

	name = tag()
	gpt := openai.NewClient(openaioption.WithBaseURL(w.URL+"/openai/v1"), openaioption.WithAPIKey(bobKey), openaioption.WithHeader("user-agent", name))
	chunks := gpt.Chat.Completions.NewStreaming(t.Context(), openai.ChatCompletionNewParams{
		Model: "gpt-5.5", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Hello. fake:usage:1000,50,400")},
		StreamOptions: openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)},
	})
	for chunks.Next() {
	}
	if err := chunks.Err(); err != nil {
		t.Fatal(err)
	}
	wantCost = tail.Cost{MicroUSD: 600*4 + 160 + 1000, PriceSource: "our contract", PriceDate: "2026-11-01"}
	if diff := cmp.Diff(wantCost, w.ownOf(t, name).Cost); diff != "" {
		t.Errorf("by the Provider's own prices: %s", diff)
	}

	grew()
}

// TestUncountedIsUnknown: where the provider counts nothing, or there is no price, the record says so, and never 0.
func TestUncountedIsUnknown(t *testing.T) {
	w := shared
	for name, tt := range map[string]struct {
		request func() *http.Request
		usage   tail.Usage
		cost    tail.Cost
	}{
		"a Chat stream without include_usage": {
			func() *http.Request {
				return w.post(t, "/openai/v1/chat/completions", bobKey, chat(true, "usage:1000,50"))
			},
			tail.Usage{Counted: "unknown"},
			tail.Cost{Unknown: "tokens_not_counted"},
		},
		"a model without a price": {
			func() *http.Request { return w.messages(t, bobKey, "claude-next", "usage:10,2", true) },
			tail.Usage{Counted: "all", Input: 10, Output: 2},
			tail.Cost{Unknown: "no_price_for_model"},
		},
		"an error of the provider": {
			func() *http.Request { return w.messages(t, bobKey, "claude-sonnet-5", "status:529", true) },
			tail.Usage{},
			tail.Cost{},
		},
		"an error in the middle of a stream: what was counted by then": {
			func() *http.Request {
				return w.messages(t, bobKey, "claude-sonnet-5", "usage:1000,500 error-event", true)
			},
			tail.Usage{Counted: "partly", Input: 1000, Output: 1},
			tail.Cost{MicroUSD: 2010, PriceSource: anthropicPrices},
		},
		"refused": {
			func() *http.Request { return w.messages(t, aliceKey, "claude-opus-5-5", "usage:1,1", true) },
			tail.Usage{},
			tail.Cost{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			req := tt.request()
			tagName := tagged(req)
			call(t, req)
			own := w.ownOf(t, tagName)
			own.Cost.PriceDate = ""
			if diff := cmp.Diff(tt.usage, own.Usage) + cmp.Diff(tt.cost, own.Cost); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestClientLeavesEarly: what the provider had counted by then is in the record, and marked as not all.
func TestClientLeavesEarly(t *testing.T) {
	w := shared
	ctx, cancel := context.WithCancel(t.Context())
	req := w.messages(t, bobKey, "claude-sonnet-5", "stream:600 delay:100ms usage:3000,600", true).WithContext(ctx)
	name := tagged(req)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(res.Body, make([]byte, 200)); err != nil {
		t.Fatal(err)
	}
	cancel()
	res.Body.Close()
	own := w.ownOf(t, name)
	if own.Outcome != "aborted" || own.Usage.Counted != "partly" || own.Usage.Input != 3000 || own.Cost.MicroUSD != 6010 {
		t.Errorf("outcome %s, usage %+v, cost %+v", own.Outcome, own.Usage, own.Cost)
	}
}

// TestClaims: requests of the shape of Claude Code's and Codex's are attributed, and its tries of one turn are known as one.
func TestClaims(t *testing.T) {
	w := shared
	body := func(betaTools string) string {
		return fmt.Sprintf(`{"model":"claude-sonnet-5","messages":[{"role":"user","content":[{"type":"text","text":"Sum up %s. fake:status:529"}]},
{"role":"system","content":[{"type":"text","text":"# Environment"}]}],
"system":[{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1.330.abc; cc_entrypoint=sdk-cli;"}],"tools":[%s],
"metadata":{"user_id":"{\"device_id\":\"ab\",\"account_uuid\":\"\",\"session_id\":\"5e\"}"},"max_tokens":64,"stream":true}`, t.Name(), betaTools)
	}
	first := ""
	for n, tools := range []string{"", "", `{"name":"WebFetch","input_schema":{"type":"object"}}`} {
		req := w.post(t, "/anthropic/v1/messages?beta=true", bobKey, body(tools))
		for name, value := range map[string]string{
			"user-agent": "claude-cli/2.1.330 (external, sdk-cli)", "x-claude-code-session-id": "5e", "x-claude-code-agent-id": "a2",
			"x-claude-code-parent-agent-id": "a1", "x-claude-code-agent-type": "Explore", "x-claude-code-prompt-id": "p1",
		} {
			req.Header.Set(name, value)
		}
		e := w.decision(t, call(t, req).decision())
		own := e.Own()
		want := tail.Claimed{
			Device: "ab", Session: "5e", Agent: "a2", ParentAgent: "a1", AgentType: "Explore", Prompt: "p1", Turn: 1, Class: "subagent", ClassDerived: true,
			Client: "claude-cli", Version: "2.1.330",
		}
		if diff := cmp.Diff(want, own.Claimed); diff != "" {
			t.Error(diff)
		}
		if n == 0 {
			first = own.DecisionID
		}
		if own.Try != n+1 || n > 0 && own.FirstTry != first {
			t.Errorf("try %d of %s, want %d of %s", own.Try, own.FirstTry, n+1, first)
		}
		noCallerKey(t, e)
	}

	req := w.post(t, "/openai/v1/chat/completions", bobKey, chat(false, "usage:10,2"))
	for name, value := range map[string]string{
		"user-agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64)", "session-id": "t1", "thread-id": "t1",
		"x-codex-turn-metadata": `{"installation_id":"i1","turn_id":"turn-7","request_kind":"turn"}`,
	} {
		req.Header.Set(name, value)
	}
	e := w.decision(t, call(t, req).decision())
	own := e.Own()
	want := tail.Claimed{Device: "i1", Session: "t1", Prompt: "turn-7", Turn: 1, Class: "main", ClassDerived: true, Client: "codex_exec", Version: "0.169.0"}
	if diff := cmp.Diff(want, own.Claimed); diff != "" || own.Try != 1 {
		t.Errorf("try %d\n%s", own.Try, diff)
	}
}

func (w *world) ownOf(t *testing.T, tag string) *tail.Own {
	t.Helper()
	e := w.recordWhere(t, tag, func(e tail.Event) bool { return strings.Contains(string(e.Raw), tag) })
	return e.Own()
}

// spent notes metrics of what models took, and returns what checks that each has grown by so much.
func (w *world) spent(t *testing.T, by map[string]float64) (check func()) {
	t.Helper()
	read := func(series string) float64 {
		n, _ := w.Metric(t.Context(), "bartizan_extproc_llm_"+series) // not there yet: 0
		return n
	}
	before := map[string]float64{}
	for series := range by {
		before[series] = read(series)
	}
	return func() {
		t.Helper()
		for series, want := range by {
			if got := read(series) - before[series]; got != want {
				t.Errorf("%s grew by %v, want %v", series, got, want)
			}
		}
	}
}
