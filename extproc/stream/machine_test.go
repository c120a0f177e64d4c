package stream_test

import (
	"crypto/sha256"
	"math/rand"
	"strings"
	"sync"
	"testing"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"bartizan/extproc/bundle"
	"bartizan/extproc/stream"
	"bartizan/xds/bundlepb"
)

// bundles are compiled once for all tests of this package.
var bundles sync.Map

func testBundle(t testing.TB, mode string) *bundle.Bundle {
	t.Helper()
	compile, _ := bundles.LoadOrStore(mode, sync.OnceValues(func() (*bundle.Bundle, error) { return compileBundle(mode) }))
	b, err := compile.(func() (*bundle.Bundle, error))()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// compileBundle makes a bundle that knows one key, nine routes and five rules.
func compileBundle(mode string) (*bundle.Bundle, error) {
	digest := sha256.Sum256([]byte("bz-alice"))
	mode, payload, named := strings.Cut(mode, " ")
	if !named {
		payload = "digest"
	}
	return bundle.Compile(&bundlepb.Bundle{
		Version: "v1", Commit: "c0ffee", Url: "https://gate.test",
		Routes: []*bundlepb.Route{
			{Name: "llm/anthropic", Surface: "llm", Target: "anthropic", Dialect: "anthropic"},
			{Name: "llm/anthropic/messages", Surface: "llm", Target: "anthropic", Dialect: "anthropic", Operation: "messages"},
			{Name: "llm/openai/chat.completions", Surface: "llm", Target: "openai", Dialect: "openai", Operation: "chat.completions"},
			{Name: "llm/gemini/generateContent", Surface: "llm", Target: "gemini", Dialect: "gemini", Operation: "generateContent"},
			{Name: "llm/gemini/files.create", Surface: "llm", Target: "gemini", Dialect: "gemini", Operation: "files.create"},
			{Name: "llm/login/messages", Surface: "llm", Target: "login", Dialect: "anthropic", Operation: "messages", Passthrough: true},
			{Name: "mcp/warehouse", Surface: "mcp", Target: "warehouse"},
			{Name: "mcp", Surface: "mcp", Target: "*", Aggregate: true},
			{Name: "mcp/hidden", Surface: "mcp", Target: "hidden"},
		},
		VirtualKeys: []*bundlepb.VirtualKey{{Name: "alice-laptop", Sha256: digest[:], User: "alice", Groups: []string{"finance"}}},
		ModelAccess: []*bundlepb.ModelAccess{
			{Name: "login", Providers: []string{"login"}, Models: []string{"claude-haiku-*", "claude-sonnet-5"}, Reason: "Ask the platform team."},
			{Name: "others", Providers: []string{"anthropic", "openai", "gemini"}, Models: []string{"*"}},
		},
		Policies: []*bundlepb.Policy{{
			Name: "models", File: "models.yaml", Surface: "llm", FailurePolicy: "Fail", Mode: "Enforce",
			Rules: []*bundlepb.Rule{
				{Name: "no-opus", Expression: &bundlepb.Expression{Text: "llm.model.startsWith('claude-opus')", Line: 1, Column: 1}, Action: "deny", Severity: "high", Reason: "Opus is not for finance."},
				{Name: "big", Expression: &bundlepb.Expression{Text: "llm.max_tokens > 100000", Line: 2, Column: 1}, Action: "flag", Severity: "low", Reason: "A very long answer is asked for."},
			},
		}, {
			Name: "content", File: "content.yaml", Surface: "llm", FailurePolicy: "Fail", Mode: "Enforce",
			Rules: []*bundlepb.Rule{
				{
					Name: "keys", Expression: &bundlepb.Expression{Text: "block.origin != 'assistant'", Line: 1, Column: 1},
					Pattern: &bundlepb.Expression{Text: "key-[0-9]+", Line: 2, Column: 1}, Action: "redact", Severity: "low",
				},
				{
					Name: "poison", Expression: &bundlepb.Expression{Text: "block.origin == 'tool_result' && block.text.contains('IGNORE')", Line: 3, Column: 1},
					Action: "quarantine", Severity: "high", Reason: "It gives orders.",
				},
			},
		}, {
			Name: "tools", File: "tools.yaml", Surface: "mcp", FailurePolicy: "Fail", Mode: "Enforce",
			Rules: []*bundlepb.Rule{{
				Name: "no-writes", On: []string{"tools/call"}, Expression: &bundlepb.Expression{Text: "!mcp.tool.annotations.readOnlyHint", Line: 1, Column: 1},
				Action: "deny", Severity: "high", Reason: "Read only.",
			}},
		}},
		McpServers: []*bundlepb.McpServer{
			{Name: "warehouse", Off: []string{"sampling"}, Tools: []*bundlepb.McpTool{{Name: "query_sales", ReadOnly: new(true)}}},
			{Name: "hidden", VisibleTo: &bundlepb.Expression{Text: "'staff' in identity.groups", Line: 1, Column: 1}},
		},
		Audit:  &bundlepb.Audit{Mode: mode, Payload: payload, Tenant: "default"},
		Limits: &bundlepb.Limits{RequestBytes: 4096},
	})
}

// inputs are one of every message that can come, good and bad, and every word of the server.
var inputs = []string{
	`request_headers @route=llm/anthropic/messages :method=POST :path=/anthropic/v1/messages x-api-key=bz-alice`,
	`request_headers eos @route=mcp/warehouse :method=DELETE :path=/mcp/warehouse x-api-key=bz-alice mcp-session-id=s1`,
	`request_headers @route=nowhere :method=POST :path=/ x-api-key=bz-alice`,
	`request_body eos {"model":"claude-sonnet-5","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}`,
	`request_body eos {"model":`,
	`request_trailers`,
	`response_headers :status=200 content-type=application/json`,
	`response_headers :status=200 content-type=text/event-stream`,
	`response_headers eos :status=204`,
	`response_headers @response.code_details=request_payload_too_large :status=413`,
	`response_headers :status=200 content-type=application/json content-encoding=gzip`,
	`response_body {"type":"message","content":[]`,
	`response_body "event: ping\ndata: {\"type\":\"ping\"}\n\n"`,
	`response_body "data: {broken\n\n"`,
	`response_body eos`,
	`response_body eos }`,
	`response_trailers`,
	`empty`,
	`timeout`,
	`fault`,
}

// TestNeverOKTooEarly plays random orders of everything: however an exchange goes, the stream has an OK to end with only when
// the exchange was ended, the stamp comes once, for a whole request, and there is exactly one closing record.
func TestNeverOKTooEarly(t *testing.T) {
	rng := rand.New(rand.NewSource(1)) // the same orders on every run
	stamps := 0
	for round := range 20_000 {
		m := newMachine(t, "durable")
		records, ended, judged := 0, false, false
		var said []string
		for range 1 + rng.Intn(8) {
			in := inputs[rng.Intn(len(inputs))]
			said = append(said, in)
			out := input(t, m, in)
			if out.Record != nil {
				records++
			}
			for _, r := range out.Send {
				s := r.GetResponseBody().GetResponse().GetBodyMutation().GetStreamedResponse()
				ended = ended || r.GetImmediateResponse() != nil || s.GetEndOfStream() || r.GetResponseTrailers() != nil ||
					r.GetResponseHeaders() != nil && strings.HasPrefix(in, "response_headers eos")
				if stampOf(r) == stream.StampJudged {
					if judged || in != inputs[1] && in != inputs[3] {
						t.Fatalf("round %d: judged twice or too early, after %q", round, said)
					}
					judged = true
					stamps++
				}
			}
			if m.Status() == nil && !ended {
				t.Fatalf("round %d: OK before the exchange ended, after %q", round, said)
			}
		}
		if out := m.Close(); out.Record != nil {
			records++
		}
		wanted := 0 // of an exchange whose request never came the access log makes the record
		if strings.HasPrefix(said[0], "request_headers") {
			wanted = 1
		}
		if records != wanted {
			t.Fatalf("round %d: %d closing records, want %d, after %q", round, records, wanted, said)
		}
	}
	if stamps == 0 {
		t.Error("nothing was ever judged: this test proves nothing")
	}
}

func stampOf(r *extproc.ProcessingResponse) string {
	return r.GetDynamicMetadata().GetFields()[stream.Namespace].GetStructValue().GetFields()["request"].GetStringValue()
}
