package ocsf

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"bartizan/filters"
)

var day = time.Date(2026, 3, 14, 9, 26, 53, 589_000_000, time.UTC)

func llmRecord() *filters.Record {
	return &filters.Record{
		Phase: "exchange", Time: day, Judged: true, Duration: 4321 * time.Millisecond, Judging: 180 * time.Microsecond,
		Commit: "4f2c9a1be07d", Bundle: "sha256:77aa", Outcome: filters.OutcomeAllow, EndedBy: filters.EndedByUpstream, Status: 200,
		Exchange: &filters.Exchange{
			ID:    "0195940e-1f2a-7c3b-8d4e-5f60718293a4",
			Route: filters.Route{Name: "anthropic-messages", Surface: filters.SurfaceLLM, Target: "anthropic", Dialect: "anthropic", Operation: "messages"},
			Request: filters.Request{
				ID: "c0ffee00-0000-4000-8000-000000000001", Method: "POST", Host: "ai.example.com", Path: "/v1/messages", Query: "beta=SECRET-QUERY",
				UserAgent: "claude-cli/2.1", SourceIP: "10.1.2.3", BodySize: 5120, BodyHash: [32]byte{0xab, 0xcd}, Encoding: "zstd", DecodedSize: 20480,
				Headers: map[string]string{"x-hidden": "SECRET-HEADER"},
			},
			Identity: filters.Identity{Method: "virtual_key", User: "ana@example.com", Groups: []string{"finance", "staff"}, Key: "ana-laptop"},
			Claimed: filters.Claimed{
				UserID: "user_1", User: "ana", Email: "ana@example.com", Device: "d-1", Session: "sess-1", Agent: "a-2", ParentAgent: "a-1", AgentType: "Explore", Prompt: "p-1",
				Turn: 4, Class: "subagent", ClassDerived: true, Client: "claude-code", ClientVersion: "2.1.0",
			},
			Forwarded: true, Try: 2, FirstTry: "0195940e-first",
			Cost: filters.Cost{MicroUSD: 9725, Source: "https://platform.claude.com/docs/en/about-claude/pricing", Date: "2026-10-24"},
			LLM: &filters.LLM{
				Provider: "anthropic", Dialect: "anthropic", Operation: "messages", Model: "claude-opus-4-6", Stream: true, MaxTokens: 4096, Messages: 3,
				Tools:        []filters.Tool{{Name: "Bash"}},
				ToolResults:  []filters.ToolResult{{ID: "toolu_0", Asked: "0195940e-asked", Call: "0195940e-call"}},
				Declarations: []filters.Declaration{{Kind: "mcp_server", Name: "crm", URL: "https://user:SECRET-PASS@crm.example.com/mcp?token=SECRET-TOKEN"}},
			},
			Blocks: []filters.Block{{Data: filters.Plain("SECRET-CONTENT")}},
			Response: filters.Response{
				Status: 200, MediaType: "text/event-stream", Bytes: 9000, Complete: true, Model: "claude-opus-4-6", StopReason: "tool_use", Events: 41,
				Usage:     filters.Usage{Input: 1200, Output: 345, CacheRead: 1000, CacheCreation: 100, CacheHour: 40, WebSearches: 2, WebFetches: 1, Terms: "priority"},
				ToolCalls: []filters.ToolCall{{ID: "toolu_1", Name: "Bash", Arguments: filters.Digest{1}}},
			},
		},
	}
}

func mcpRecord() *filters.Record {
	v := filters.Verdict{
		Policy: "finance-reads-only", Rule: "no-warehouse-writes", Outcome: filters.Matched, Action: filters.ActionDeny,
		Severity: filters.SeverityHigh, Reason: "Finance analysts have read-only access to the warehouse.",
	}
	return &filters.Record{
		Phase: "exchange", Time: day, Judged: true, Duration: 3 * time.Millisecond, Commit: "4f2c9a1be07d", Outcome: filters.OutcomeDeny,
		EndedBy: filters.EndedByGateway, Status: 200, Decision: filters.Decision{Action: filters.ActionDeny, Verdicts: []filters.Verdict{v}, Deciding: &v},
		Refusal: &filters.Refusal{Kind: filters.RefusedByPolicy, Message: v.Reason, Policy: v.Policy, Rule: v.Rule},
		Exchange: &filters.Exchange{
			ID:      "0195940e-1f2a-7c3b-8d4e-5f60718293a5",
			Route:   filters.Route{Name: "mcp-warehouse", Surface: filters.SurfaceMCP, Target: "warehouse"},
			Request: filters.Request{ID: "r-2", Method: "POST", Path: "/mcp/warehouse", SourceIP: "10.1.2.3", BodySize: 240, BodyHash: [32]byte{1}},
			Claimed: filters.Claimed{Session: "SECRET-SESSION"},
			MCP: &filters.MCP{
				Server: "warehouse", Method: "tools/call", ProtocolVersion: "2025-11-25", Session: "SECRET-SESSION",
				Tool: filters.MCPTool{Name: "delete_rows", Registered: true}, Arguments: []byte(`{"table":"SECRET-CONTENT"}`), ToolUseID: "toolu_1",
				Cause: filters.Cause{Match: filters.CauseByID, ID: "toolu_1", Decision: "0195940e-asked", Provider: "anthropic", Model: "claude-opus-4-6", Uses: 1},
			},
		},
	}
}

var goldens = map[string]func() *filters.Record{
	"llm_allow": llmRecord,
	"mcp_deny":  mcpRecord,
	"intent": func() *filters.Record {
		r := llmRecord()
		r.Phase, r.Status, r.Duration, r.EndedBy, r.Exchange.Response = phaseIntent, 0, 0, "", filters.Response{}
		r.Exchange.Cost = filters.Cost{}
		return r
	},
	"nobody": func() *filters.Record {
		return &filters.Record{
			Phase: "exchange", Time: day, Outcome: filters.OutcomeDeny, EndedBy: filters.EndedByGateway, Status: 401,
			Refusal:  &filters.Refusal{Kind: filters.RefusedIdentity, Message: "unknown key"},
			Exchange: &filters.Exchange{ID: "0195940e-1f2a-7c3b-8d4e-5f60718293a6", Route: filters.Route{Surface: filters.SurfaceLLM}},
		}
	},
	"flag_observed": func() *filters.Record {
		r := llmRecord()
		r.Outcome = filters.OutcomeFlag
		r.Decision = filters.Decision{Action: filters.ActionFlag, Verdicts: []filters.Verdict{
			{Policy: "p", Rule: "a", Outcome: filters.Matched, Action: filters.ActionDeny, Severity: filters.SeverityLow, Observed: true},
			{Policy: "p", Rule: "b", Outcome: filters.Failed, Action: filters.ActionFlag, Severity: filters.SeverityMedium, Error: "cost limit exceeded"},
		}}
		r.Decision.Deciding = &r.Decision.Verdicts[1]
		r.Exchange.Response.Usage, r.Exchange.Cost = filters.Usage{}, filters.Cost{Unknown: "tokens_not_counted"}
		return r
	},
	"models_list": func() *filters.Record {
		r := llmRecord()
		r.Exchange.Route.Operation, r.Exchange.LLM = "models.list", &filters.LLM{Provider: "anthropic", Dialect: "anthropic", Operation: "models.list"}
		r.Exchange.Response = filters.Response{Status: 200, MediaType: "application/json", Complete: true, Offered: 9, Shown: 2}
		r.Exchange.Claimed, r.Exchange.Cost, r.Exchange.Try, r.Exchange.FirstTry = filters.Claimed{}, filters.Cost{}, 0, "" // no call of a model
		return r
	},
	"quarantined_tool": func() *filters.Record {
		r := mcpRecord()
		r.Outcome, r.EndedBy, r.Refusal, r.Decision = filters.OutcomeQuarantine, filters.EndedByUpstream, nil, filters.Decision{}
		m := r.Exchange.MCP
		m.Method, m.Tool, m.ToolUseID, m.NotesOmitted = "tools/list", filters.MCPTool{}, "", 3
		m.Notes = []filters.ItemNote{
			{Kind: "tool", Name: "delete_rows", Policy: "McpPins warehouse", Quarantined: "its definition is not the one that was approved"},
			{Kind: "tool", Name: "send", Findings: []filters.Finding{{Detector: "hidden", Kind: "zero_width", Pointer: "/description", Severity: filters.SeverityMedium}}},
			{Kind: "resource", Name: "sales://user:SECRET-PASS@x/?q=SECRET-TOKEN", Error: "ToolAccess a: no such key at a.yaml:1:1"},
		}
		return r
	},
	"quarantined_answer": func() *filters.Record {
		r := mcpRecord()
		r.Outcome, r.EndedBy, r.Refusal, r.Decision = filters.OutcomeQuarantine, filters.EndedByUpstream, nil, filters.Decision{}
		r.Answer = filters.Decision{Action: filters.ActionQuarantine, Verdicts: []filters.Verdict{{
			Policy: "content", Rule: "poison", Outcome: filters.Matched, Action: filters.ActionQuarantine, Severity: filters.SeverityHigh,
			Reason: "It gives orders.", Pointer: "/result/content/0/text", Blocks: 2,
		}}}
		r.Answer.Deciding = &r.Answer.Verdicts[0]
		r.Exchange.Response.Content = filters.Content{Blocks: 3, Bytes: 400}
		r.Payload = filters.Payload{Request: filters.Excerpt{Data: []byte("{\"a\":1}")}, Response: filters.Excerpt{Data: []byte("x\xff\n"), Omitted: 7}}
		return r
	},
	"upstream_error": func() *filters.Record {
		r := llmRecord()
		r.Status, r.Exchange.Response = 529, filters.Response{Status: 529, Bytes: 120, Complete: true, Error: "overloaded_error"}
		r.Exchange.Cost, r.Exchange.Try, r.Exchange.FirstTry = filters.Cost{}, 1, r.Exchange.ID
		return r
	},
	"fault": func() *filters.Record {
		r := mcpRecord()
		r.Outcome, r.EndedBy, r.Status, r.Refusal, r.Decision = filters.OutcomeError, filters.EndedByEnvoy, 503, nil, filters.Decision{}
		r.Detail = "upstream_reset_before_response_started{connection_termination}"
		return r
	},
	"unjudged": func() *filters.Record { // the client left before its body was there
		r := llmRecord()
		r.Judged, r.Outcome, r.EndedBy, r.Status, r.Exchange.Response = false, filters.OutcomeAborted, filters.EndedByClient, 0, filters.Response{}
		r.Exchange.Forwarded, r.Exchange.Cost, r.Exchange.Try = false, filters.Cost{}, 0
		return r
	},
	"aborted": func() *filters.Record {
		r := llmRecord()
		r.Outcome, r.EndedBy, r.Status, r.Exchange.Response.Complete = filters.OutcomeAborted, filters.EndedByClient, 0, false
		return r
	},
	"no_exchange": func() *filters.Record { return &filters.Record{Time: day} },
}

var source = Source{Tenant: "acme", Producer: "00112233445566778899aabbccddeeff", Version: "0.1.0"}

func encode(r *filters.Record) []byte { return Encode(r, source).Stamp(nil, 7, [32]byte{0xfe}) }

func TestGoldens(t *testing.T) {
	claimed := map[string]bool{}
	for name, record := range goldens {
		t.Run(name, func(t *testing.T) {
			raw := encode(record())
			checkEvent(t, raw)
			pretty := jsontext.Value(bytes.Clone(raw))
			if err := pretty.Indent(jsontext.WithIndent("  ")); err != nil {
				t.Fatal(err)
			}
			got := string(pretty) + "\n"
			path := filepath.Join("testdata", name+".json")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("event differs (-want +got):\n%s", diff)
			}
			if strings.Contains(got, "SECRET") {
				t.Errorf("event carries what it must not:\n%s", got)
			}
		})
		claimed[name+".json"] = true
	}
	files, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !f.IsDir() && !claimed[f.Name()] {
			t.Errorf("golden %s belongs to no case", f.Name())
		}
	}
}

// checkEvent holds what is true of every event: canonical, bounded, and with the required attributes of API Activity.
func checkEvent(t *testing.T, raw []byte) {
	t.Helper()
	canonical := jsontext.Value(bytes.Clone(raw))
	if err := canonical.Canonicalize(); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, raw)
	}
	if diff := cmp.Diff(string(canonical), string(raw)); diff != "" {
		t.Fatalf("not canonical (-want +got):\n%s", diff)
	}
	if len(raw) > MaxSize {
		t.Errorf("%d bytes, over MaxSize", len(raw))
	}
	var e map[string]any
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"action_id", "activity_id", "actor.user.name", "api.operation", "api.request.uid", "category_uid", "class_uid", "disposition_id",
		"metadata.product.vendor_name", "metadata.profiles", "metadata.sequence", "metadata.uid", "metadata.version", "severity_id", "src_endpoint",
		"status_id", "time", "type_uid", "unmapped.bartizan.prev_hash", "unmapped.bartizan.producer",
	} {
		if lookup(e, path) == nil {
			t.Errorf("%s is missing", path)
		}
	}
	for path, want := range map[string]float64{"class_uid": 6003, "type_uid": 600399, "category_uid": 6, "activity_id": 99, "metadata.sequence": 7} {
		if got := lookup(e, path); got != want {
			t.Errorf("%s = %v, want %v", path, got, want)
		}
	}
}

func lookup(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

func TestPayloadNone(t *testing.T) {
	s := source
	s.Payload = PayloadNone
	if raw := Encode(llmRecord(), s).Stamp(nil, 7, [32]byte{}); bytes.Contains(raw, []byte("abcd")) {
		t.Errorf("payload none carries the body's hash: %s", raw)
	}
	if raw := encode(llmRecord()); !bytes.Contains(raw, []byte(`"sha256":"abcd0000`)) {
		t.Errorf("payload digest lacks the body's hash: %s", raw)
	}
}

func TestBounded(t *testing.T) {
	for name, long := range map[string]string{
		"letters": strings.Repeat("x", 1<<20), "controls": strings.Repeat("\x01", 1<<20),
		"invalid": strings.Repeat("\xff", 1<<20), "wide": strings.Repeat("🛡", 1<<18),
	} {
		t.Run(name, func(t *testing.T) {
			raw := encode(flood(long))
			checkEvent(t, raw)
			for _, path := range []string{
				"unmapped.bartizan.decision.omitted", "unmapped.bartizan.tool_calls_omitted",
				"unmapped.bartizan.llm.declarations_omitted", "unmapped.bartizan.identity.groups_omitted",
			} {
				var e map[string]any
				if err := json.Unmarshal(raw, &e); err != nil || lookup(e, path) == nil {
					t.Errorf("%s does not say that something is missing (%v)", path, err)
				}
			}
		})
	}
}

// flood fills every field that a client can fill with s, and every list with more than is kept.
func flood(s string) *filters.Record {
	v := filters.Verdict{Policy: s, Rule: s, Outcome: filters.Matched, Severity: filters.Severity(s), Reason: s, Error: s}
	r := &filters.Record{
		Phase: s, Time: day, Commit: s, Bundle: s, Outcome: filters.Outcome(s), EndedBy: filters.EndedBy(s), Detail: s,
		Decision: filters.Decision{Deciding: &v}, Refusal: &filters.Refusal{Kind: filters.RefusalKind(s), Message: s, Policy: s, Rule: s},
		Exchange: &filters.Exchange{
			ID: s, Route: filters.Route{Name: s, Surface: filters.Surface(s), Target: s, Operation: s},
			Request:  filters.Request{ID: s, Method: s, Host: s, Path: s, UserAgent: s, SourceIP: s},
			Identity: filters.Identity{Method: s, User: s, Key: s}, Claimed: filters.Claimed{UserID: s, Session: s, Agent: s, Client: s, ClientVersion: s},
			LLM:      &filters.LLM{Provider: s, Dialect: s, Model: s, MaxTokens: 1<<63 - 1},
			MCP:      &filters.MCP{Server: s, Method: s, ProtocolVersion: s, Session: s, Tool: filters.MCPTool{Name: s}, ToolUseID: s, Target: s, Client: s},
			Response: filters.Response{Bytes: -1 << 63, MediaType: s, Model: s, StopReason: s, Error: s},
		},
	}
	for range 1000 {
		r.Decision.Verdicts = append(r.Decision.Verdicts, v)
		x := r.Exchange
		x.Identity.Groups = append(x.Identity.Groups, s)
		x.LLM.Declarations = append(x.LLM.Declarations, filters.Declaration{Kind: s, Name: s, URL: s, Connector: s})
		x.Response.ToolCalls = append(x.Response.ToolCalls, filters.ToolCall{ID: s, Name: s})
	}
	return r
}

func TestSubject(t *testing.T) {
	for _, c := range []struct{ tenant, surface, outcome, want string }{
		{"", "llm", "allow", "audit.v1.default.llm.allow"},
		{"a.b *>é", "mcp", "deny", "audit.v1.a_b____.mcp.deny"},
		{"acme", "", "", "audit.v1.acme.none.none"},
		{strings.Repeat("é", 100), "llm", "flag", "audit.v1." + strings.Repeat("_", 32) + ".llm.flag"},
	} {
		if got := Subject(c.tenant, filters.Surface(c.surface), filters.Outcome(c.outcome)); got != c.want {
			t.Errorf("Subject(%q, %q, %q) = %q, want %q", c.tenant, c.surface, c.outcome, got, c.want)
		}
	}
}

func TestCleanURL(t *testing.T) {
	for in, want := range map[string]string{
		"":                              "",
		"https://a:b@h.example/p?q=1#f": "https://h.example/p",
		"https://h.example":             "https://h.example",
		"https://h/p@q":                 "https://h/p@q",
		"file:///etc/passwd":            "file:///etc/passwd",
		"prompt-name":                   "prompt-name",
	} {
		if got := cleanURL(in); got != want {
			t.Errorf("cleanURL(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestIntentHasItsOwnUID(t *testing.T) {
	r := llmRecord()
	exchange := UID(r)
	r.Phase = phaseIntent
	if intent := UID(r); intent == exchange || !strings.HasPrefix(intent, exchange) {
		t.Errorf("uid of the intent %q, of the exchange %q", intent, exchange)
	}
}

func TestAllocations(t *testing.T) {
	r, buf := llmRecord(), make([]byte, 0, 8192)
	if n := testing.AllocsPerRun(100, func() { buf = Encode(r, source).Stamp(buf[:0], 7, [32]byte{}) }); n > 8 {
		t.Errorf("%v allocations per record, budget 8", n)
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("claude", "a\x00b\"\\\u2028", int64(5))
	f.Add("\xff\xfe", strings.Repeat("\x1f", 4000), int64(-1))
	f.Add("https://a:b@c/d?e", "🛡é{[", int64(1<<62))
	f.Fuzz(func(t *testing.T, a, b string, n int64) {
		for _, r := range []*filters.Record{flood(a), llmRecord(), mcpRecord()} {
			x := r.Exchange
			x.Request.UserAgent, x.Claimed.Client, x.Claimed.Session, x.Response.Error, r.Detail = b, a, b, b, fmt.Sprint(a, b)
			x.Response.Usage, x.Request.BodySize = filters.Usage{Input: n, Output: n}, n
			checkEvent(t, encode(r))
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	r, buf := llmRecord(), make([]byte, 0, 8192)
	b.ReportAllocs()
	for b.Loop() {
		buf = Encode(r, source).Stamp(buf[:0], 7, [32]byte{})
	}
	b.SetBytes(int64(len(buf)))
}

// Blocks are let go once they are judged: what a record says of them does not depend on it.
func TestBlocksLetGoAreCounted(t *testing.T) {
	r := llmRecord()
	want := string(Encode(r, Source{}).Stamp(nil, 1, [32]byte{}))
	r.Exchange.Forget()
	if diff := cmp.Diff(want, string(Encode(r, Source{}).Stamp(nil, 1, [32]byte{}))); diff != "" {
		t.Errorf("the record differs (-before +after):\n%s", diff)
	}
}

// TestUnjudgedIsNotAllowed: what nobody has judged must not read as allowed in a SIEM.
func TestUnjudgedIsNotAllowed(t *testing.T) {
	for _, o := range []filters.Outcome{filters.OutcomeAborted, filters.OutcomeError} {
		r := llmRecord()
		r.Outcome = o
		if c := classify(r, r.Exchange); c.action.name != "Allowed" {
			t.Errorf("judged, %s: action %s", o, c.action.name)
		}
		r.Judged = false
		if c := classify(r, r.Exchange); c.action.name == "Allowed" || c.disposition.name == "Allowed" {
			t.Errorf("unjudged, %s: action %s, disposition %s", o, c.action.name, c.disposition.name)
		}
	}
}
