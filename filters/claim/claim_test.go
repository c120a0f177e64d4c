package claim

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bartizan/filters"
)

func TestHeaders(t *testing.T) {
	tests := map[string]struct {
		headers map[string]string
		want    filters.Claimed
	}{
		"claude code, hints": {map[string]string{
			"user-agent": "claude-cli/2.1.330 (external, sdk-cli)", "x-claude-code-session-id": "5e", "x-claude-code-agent-id": "a2",
			"x-claude-code-parent-agent-id": "a1", "x-claude-code-agent-type": "Explore", "x-claude-code-prompt-id": "p1", "x-claude-code-request-class": "subagent",
		}, filters.Claimed{
			Client: "claude-cli", ClientVersion: "2.1.330", Session: "5e", Agent: "a2", ParentAgent: "a1", AgentType: "Explore", Prompt: "p1", Class: "subagent",
		}},
		"claude apps gateway": {
			map[string]string{"x-claude-gateway-user-id": "u1", "x-claude-gateway-user-email": "ann@example.com"},
			filters.Claimed{User: "u1", Email: "ann@example.com"},
		},
		"codex": {map[string]string{
			"user-agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64) dumb", "session-id": "t1", "thread-id": "t1",
			"x-codex-turn-metadata": `{"installation_id":"i","turn_id":"turn-7","request_kind":"turn","sandbox_mode":"x"}`,
		}, filters.Claimed{Client: "codex_exec", ClientVersion: "0.169.0", Session: "t1", Device: "i", Prompt: "turn-7"}},
		"codex, a thread of its own": {
			map[string]string{"session-id": "t1", "thread-id": "t2", "x-openai-subagent": "review"},
			filters.Claimed{Session: "t1", Agent: "t2", AgentType: "review"},
		},
		"codex, metadata that is no JSON": {map[string]string{"x-codex-turn-metadata": `{"turn_id":"a","turn_id":"b"}`}, filters.Claimed{}},
		"gemini cli": {
			map[string]string{"user-agent": "GeminiCLI-tui/0.61.0/gemini-3.1-pro-preview (linux; x64; terminal)"},
			filters.Claimed{Client: "GeminiCLI-tui", ClientVersion: "0.61.0"},
		},
		"sdk":        {map[string]string{"user-agent": "Anthropic/Python 2.12.0"}, filters.Claimed{Client: "Anthropic/Python", ClientVersion: "2.12.0"}},
		"google sdk": {map[string]string{"user-agent": "google-genai-sdk/3.4.0 gl-python/3.12"}, filters.Claimed{Client: "google-genai-sdk", ClientVersion: "3.4.0"}},
		"long":       {map[string]string{"user-agent": strings.Repeat("é", 1000)}, filters.Claimed{Client: strings.Repeat("é", 128)}},
		"nothing":    {nil, filters.Claimed{}},
	}
	for name, tt := range tests {
		if diff := cmp.Diff(tt.want, Headers(tt.headers)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestBody(t *testing.T) {
	claude := filters.Claimed{Client: "claude-cli"}
	user := []filters.Block{{Origin: filters.OriginUser, Pointer: "/messages/0/content", Data: filters.Plain("Sum up report.docx.")}}
	tests := map[string]struct {
		before filters.Claimed
		llm    filters.LLM
		blocks []filters.Block
		said   Said
		want   filters.Claimed
	}{
		"main": {before: claude, blocks: user, said: Said{UserID: `{"device_id":"ab","account_uuid":"","session_id":"5e"}`}, want: filters.Claimed{
			Client: "claude-cli", UserID: `{"device_id":"ab","account_uuid":"","session_id":"5e"}`, Device: "ab", Session: "5e", Turn: 1, Class: "main", ClassDerived: true,
		}},
		"before 2.1.78": {said: Said{UserID: "user_aa_account_bb_session_cc"}, want: filters.Claimed{
			UserID: "user_aa_account_bb_session_cc", Session: "cc", Class: "main", ClassDerived: true,
		}},
		"headers go first": {
			before: filters.Claimed{Session: "header", Class: "compaction"}, said: Said{UserID: `{"session_id":"body"}`, Properties: []string{"title"}},
			want: filters.Claimed{Session: "header", UserID: `{"session_id":"body"}`, Class: "compaction"},
		},
		"title": {before: claude, blocks: user, said: Said{JSON: true, Properties: []string{"title"}}, want: filters.Claimed{
			Client: "claude-cli", Turn: 1, Class: "title", ClassDerived: true,
		}},
		"check": {said: Said{Stops: []string{"</block>"}}, want: filters.Claimed{Class: "check", ClassDerived: true}},
		"router": {before: filters.Claimed{Client: "GeminiCLI-tui"}, said: Said{JSON: true}, want: filters.Claimed{
			Client: "GeminiCLI-tui", Class: "router", ClassDerived: true,
		}},
		"search": {before: claude, llm: filters.LLM{Tools: []filters.Tool{{Name: "web_search", Type: "web_search_20250305"}}}, want: filters.Claimed{
			Client: "claude-cli", Class: "search", ClassDerived: true,
		}},
		"subagent by its header": {before: filters.Claimed{Agent: "a"}, want: filters.Claimed{Agent: "a", Class: "subagent", ClassDerived: true}},
		"subagent by its body": {blocks: []filters.Block{
			{Origin: filters.OriginSystem, Pointer: "/system/0/text", Data: filters.Plain("x-anthropic-billing-header: cc_version=2.1.330.abc; cc_is_subagent=true;")},
		}, want: filters.Claimed{Class: "subagent", ClassDerived: true}},
		"compaction": {blocks: append(user, filters.Block{
			Origin: filters.OriginUser, Pointer: "/messages/2/content", Data: filters.Plain("Your task is to create a detailed summary of the conversation so far, …"),
		}), want: filters.Claimed{Turn: 2, Class: "compaction", ClassDerived: true}},
		"count, whatever the header says": {before: filters.Claimed{Class: "main"}, llm: filters.LLM{Operation: "count_tokens"}, want: filters.Claimed{Class: "count"}},
		"probe": {before: claude, llm: filters.LLM{MaxTokens: 1}, blocks: user, want: filters.Claimed{
			Client: "claude-cli", Turn: 1, Class: "probe", ClassDerived: true,
		}},
		"codex": {said: Said{CacheKey: "t1", codex: codex{prompt: "7"}}, want: filters.Claimed{
			Session: "t1", Prompt: "7", Class: "main", ClassDerived: true,
		}},
	}
	for name, tt := range tests {
		x := &filters.Exchange{Claimed: tt.before, LLM: &tt.llm, Blocks: tt.blocks}
		Body(x, tt.said)
		if diff := cmp.Diff(tt.want, x.Claimed); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// TestTurn counts what the user asks, not what tools answer, nor reminders beside it.
func TestTurn(t *testing.T) {
	block := func(origin filters.Origin, pointer string) filters.Block {
		return filters.Block{Origin: origin, Pointer: pointer}
	}
	got := prompts([]filters.Block{
		block(filters.OriginUser, "/messages/0/content/0/text"), block(filters.OriginUser, "/messages/0/content/1/text"),
		block(filters.OriginSystem, "/messages/1/content"), block(filters.OriginToolCall, "/messages/2/content/0/input"),
		block(filters.OriginToolResult, "/messages/3/content/0/content"), block(filters.OriginUser, "/messages/3/content/1/text"),
		block(filters.OriginAssistant, "/messages/4/content"), block(filters.OriginUser, "/messages/5/content"),
		block(filters.OriginSystem, "/system"),
		{Origin: filters.OriginUser, Pointer: "/messages/6/content/0", Data: filters.Plain("<environment_context>\n  <cwd>/tmp</cwd>\n</environment_context>")},
		block(filters.OriginUser, "/text/format"),
	})
	if got != 2 {
		t.Errorf("turn %d, want 2", got)
	}
}

func TestClientMetadata(t *testing.T) {
	for raw, want := range map[string]codex{
		`{"turn_id":"7","thread_id":"t1","more":[1]}`:                                  {prompt: "7", thread: "t1"},
		`{"x":"y","x-codex-turn-metadata":"{\"turn_id\":\"7\",\"session_id\":\"s\"}"}`: {prompt: "7", session: "s"},
		`[]`: {}, `{"turn_id":7}`: {},
	} {
		var s Said
		if s.ClientMetadata([]byte(raw)); s.codex != want {
			t.Errorf("%s: %+v", raw, s.codex)
		}
	}
}

func TestFormat(t *testing.T) {
	for raw, want := range map[string][]string{
		`{"format":{"type":"json_schema","schema":{"type":"object","properties":{"title":{"type":"string"}}}}}`: {"title"},
		`{"type":"json_schema","json_schema":{"name":"x","schema":{"properties":{"a":{},"b":{}}}}}`:             {"a", "b"},
		`{"type":"OBJECT","properties":{"reasoning":{},"model_choice":{}}}`:                                     {"reasoning", "model_choice"},
		`{"effort":"medium"}`: nil, `"text"`: nil, `{"schema":{"properties":[]}}`: nil,
	} {
		var s Said
		s.Format([]byte(raw))
		if diff := cmp.Diff(want, s.Properties); diff != "" || s.JSON != (want != nil) {
			t.Errorf("%s: JSON %v\n%s", raw, s.JSON, diff)
		}
	}
}

// FuzzClaims: whatever a client says of itself, what is kept is bounded and text.
func FuzzClaims(f *testing.F) {
	f.Add("claude-cli/2.1.330 (external)", `{"device_id":"ab","session_id":"5e"}`, []byte(`{"x-codex-turn-metadata":"{\"turn_id\":\"7\"}"}`))
	f.Add("OpenAI/Go 3", "user_a_account_b_session_c", []byte(`{"properties":{"title":{}}}`))
	f.Fuzz(func(t *testing.T, header, user string, raw []byte) {
		x := &filters.Exchange{LLM: &filters.LLM{}, Claimed: Headers(map[string]string{"user-agent": header, "session-id": header, headerTurn: header, "thread-id": user})}
		said := Said{UserID: user}
		said.ClientMetadata(raw)
		said.Format(raw)
		Body(x, said)
		c := x.Claimed
		for _, s := range append(said.Properties, c.Client, c.ClientVersion, c.Session, c.Agent, c.Device, c.Prompt, c.UserID, c.Class) {
			if len(s) > maxText || strings.ToValidUTF8(s, "") != s {
				t.Fatalf("%q is kept", s)
			}
		}
	})
}
