package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"

	"bartizan/test/env"
	"bartizan/test/fake"
)

// loginToken is of the form that Claude Code sends after a login with claude.ai.
const loginToken = "sk-ant-oat01-AAAAAAAAAAAAAAAAAAAAAAAA"

const organization = "0b7c1c0e-0000-4000-8000-000000000001"

// whoPolicies say who may use which models, which servers providers connect to, and whose account pays.
func (w *world) whoPolicies(login string) map[string]string {
	gateway := strings.Replace(w.policies()["gateway.yaml"], "spec:\n", "spec:\n  anthropic: { allowedOrganizations: ["+organization+"] }\n", 1)
	return map[string]string{
		"gateway.yaml": gateway,
		"who.yaml": fmt.Sprintf(`apiVersion: bartizan/v1
kind: ModelAccess
metadata: { name: everybody }
spec: { models: ["claude-haiku-*", claude-sonnet-5, "gpt-5*"] }
---
apiVersion: bartizan/v1
kind: ModelAccess
metadata: { name: platform }
spec:
  models: [claude-opus-5-5]
  expression: "'platform' in identity.groups"
  reason: Ask platform@example.com for Opus.
---
apiVersion: bartizan/v1
kind: Provider
metadata: { name: login }
spec: { dialect: anthropic, url: %q, operations: [messages], credential: { passthrough: true } }
---
apiVersion: bartizan/v1
kind: McpServer
metadata: { name: crm }
spec: { url: "https://crm.example.com/mcp", visibleTo: "'finance' in identity.groups" }
---
apiVersion: bartizan/v1
kind: McpServer
metadata: { name: drive }
spec: { connectorIds: [connector_googledrive] }
---
apiVersion: bartizan/v1
kind: ToolAccess
metadata: { name: crm }
spec: { servers: [crm], expression: "mcp.tool.name == 'find' || mcp.arguments.amount < 10" }
`, login),
	}
}

// TestWhoMayUseWhat: models, connectors, keys and logins, through Envoy.
func TestWhoMayUseWhat(t *testing.T) {
	w := start(t, env.FleetOptions{})
	login, err := fake.StartAnthropic(t.Context(), fake.Options{Key: loginToken})
	if err != nil {
		t.Fatal(err)
	}
	w.live(t, w.whoPolicies(login.URL()))
	t.Run("models", w.modelsByAccess)
	t.Run("models by SDK", w.modelsBySDK)
	t.Run("connectors", w.connectorsByRegistry)
	t.Run("foreign keys", w.foreignKeys)
	t.Run("login", func(t *testing.T) { w.logins(t, login) })
	t.Run("unknown passes", w.unknownPasses)
}

func (w *world) modelsByAccess(t *testing.T) {
	const text = `"max_tokens":64,"messages":[{"role":"user","content":"fake:say:\"ok\""}]`
	for _, c := range []struct {
		name, path, key, body string
		refused               string // the model; empty: admitted
	}{
		{"a model for everybody", "/anthropic/v1/messages", aliceKey, `{"model":"claude-haiku-5-5",` + text + `}`, ""},
		{"a model for others", "/anthropic/v1/messages", aliceKey, `{"model":"claude-fable-5",` + text + `}`, "claude-fable-5"},
		{"a model for the group", "/anthropic/v1/messages", bobKey, `{"model":"claude-opus-5-5",` + text + `}`, ""},
		{"a fallback", "/anthropic/v1/messages", aliceKey, `{"model":"claude-haiku-5-5","fallbacks":[{"model":"claude-opus-5-5"}],` + text + `}`, "claude-opus-5-5"},
		{"the provider's choice", "/anthropic/v1/messages", bobKey, `{"model":"claude-haiku-5-5","fallbacks":"default",` + text + `}`, "default"},
		{"an advisor", "/anthropic/v1/messages", aliceKey, `{"model":"claude-haiku-5-5","tools":[{"type":"advisor_20260301","name":"advisor","model":"claude-opus-5-5"}],` + text + `}`, "claude-opus-5-5"},
		{"a routing suffix", "/openai/v1/chat/completions", aliceKey, `{"model":"claude-sonnet-5:online",` + text + `}`, "claude-sonnet-5:online"},
		{"a router's list", "/openai/v1/chat/completions", aliceKey, `{"model":"gpt-5.2","models":["other/large"],` + text + `}`, "other/large"},
	} {
		a := call(t, w.post(t, c.path, c.key, c.body))
		switch {
		case c.refused == "" && a.status != 200:
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		case c.refused != "" && (a.status != 451 || !strings.Contains(a.body, `\"`+c.refused+`\" is not among those that you may use`) ||
			!strings.Contains(a.body, "Ask platform@example.com for Opus. (rule ModelAccess/NotAdmitted, decision "+a.decision())):
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		}
		e := w.decision(t, a.decision())
		if denied := e.Own().Outcome == "deny"; denied != (c.refused != "") || denied && !bytes.Contains(e.Raw, []byte(`"rule":"NotAdmitted"`)) {
			t.Errorf("%s: record %s", c.name, e.Raw)
		}
	}
	requests := w.anthropic.Requests()
	if got := requests[len(requests)-1].Header.Values("anthropic-allowed-org-ids"); len(got) != 1 || got[0] != organization {
		t.Errorf("Anthropic is asked for organizations %q", got)
	}
}

// modelsBySDK: the vendors' clients read the refusal after one try.
func (w *world) modelsBySDK(t *testing.T) {
	client := w.anthropicClient(aliceKey)
	_, err := client.Messages.New(t.Context(), ask("claude-fable-5", "hi"))
	var refused *anthropic.Error
	if !errors.As(err, &refused) || refused.StatusCode != http.StatusUnavailableForLegalReasons || !strings.Contains(refused.RawJSON(), "claude-fable-5") {
		t.Errorf("anthropic-sdk-go: %v", err)
	}
	other := openai.NewClient(openaioption.WithBaseURL(w.URL+"/openai/v1"), openaioption.WithAPIKey(aliceKey))
	_, err = other.Chat.Completions.New(t.Context(), openai.ChatCompletionNewParams{
		Model: "o9-pro", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hi")},
	})
	var denied *openai.Error
	if !errors.As(err, &denied) || denied.StatusCode != http.StatusUnavailableForLegalReasons || !strings.Contains(denied.Message, "o9-pro") {
		t.Errorf("openai-go: %v", err)
	}
}

func (w *world) connectorsByRegistry(t *testing.T) {
	message := func(servers, tools string) string {
		return fmt.Sprintf(`{"model":"claude-sonnet-5","max_tokens":64,"messages":[{"role":"user","content":"fake:say:\"ok\""}],"mcp_servers":[%s],"tools":[%s]}`, servers, tools)
	}
	chat := func(tool string) string {
		return fmt.Sprintf(`{"model":"gpt-5.2","messages":[{"role":"user","content":"fake:say:\"ok\""}],"tools":[%s]}`, tool)
	}
	const crm = `{"type":"url","name":"crm","url":"https://crm.example.com/mcp","authorization_token":"x"}`
	const find = `{"type":"mcp_toolset","mcp_server_name":"crm","default_config":{"enabled":false},"configs":{"find":{"enabled":true}}}`
	for _, c := range []struct{ name, path, key, body, refused string }{
		{"registered", "/anthropic/v1/messages", aliceKey, message(crm, find), ""},
		{"for others", "/anthropic/v1/messages", bobKey, message(crm, find), "none of the registered ones that you may use"},
		{"all tools", "/anthropic/v1/messages", aliceKey, message(crm, `{"type":"mcp_toolset","mcp_server_name":"crm"}`), "not all tools of MCP server crm"},
		{"another server", "/anthropic/v1/messages", aliceKey, message(strings.Replace(crm, "crm.example", "crm.evil", 1), find), "none of the registered"},
		{"by URL", "/openai/v1/chat/completions", aliceKey, chat(`{"type":"mcp","server_label":"x","server_url":"https://crm.example.com/mcp","allowed_tools":["find"]}`), ""},
		{"a tool with limits", "/openai/v1/chat/completions", aliceKey, chat(`{"type":"mcp","server_label":"x","server_url":"https://crm.example.com/mcp","allowed_tools":["pay"]}`), `the tool \"pay\" of MCP server crm`},
		{"by id", "/openai/v1/chat/completions", bobKey, chat(`{"type":"mcp","server_label":"d","connector_id":"connector_googledrive"}`), ""},
		{"by another id", "/openai/v1/chat/completions", bobKey, chat(`{"type":"mcp","server_label":"d","connector_id":"connector_gmail"}`), "none of the registered"},
		{"a tunnel", "/openai/v1/chat/completions", bobKey, chat(`{"type":"mcp","server_label":"d","tunnel_id":"t"}`), "none of the registered"},
	} {
		a := call(t, w.post(t, c.path, c.key, c.body))
		if c.refused == "" && a.status != 200 || c.refused != "" && (a.status != 451 || !strings.Contains(a.body, c.refused)) {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		}
	}
	if a := call(t, w.post(t, "/mcp/drive", bobKey, `{}`)); a.status != 404 {
		t.Errorf("a server that only providers reach: %d %s", a.status, a.body)
	}
}

// foreignKeys: whichever header a provider's key comes in, it is refused, and stands in no record.
func (w *world) foreignKeys(t *testing.T) {
	seen := len(w.anthropic.Requests()) + len(w.openAI.Requests())
	for _, path := range []string{"/anthropic/v1/messages", "/openai/v1/chat/completions"} {
		for _, h := range []struct{ name, value, what string }{
			{"x-api-key", "sk-ant-api03-FOREIGNSECRET", "a key of Anthropic"},
			{"authorization", "Bearer sk-ant-api03-FOREIGNSECRET", "a key of Anthropic"},
			{"authorization", "Bearer " + loginToken, "the token of a Claude login"},
			{"api-key", "sk-proj-FOREIGNSECRET", "a key of OpenAI"},
			{"x-goog-api-key", "AIzaFOREIGNSECRET", "a key of Google"},
		} {
			for _, own := range []string{"", aliceKey} {
				req := w.post(t, path, "", `{"model":"claude-haiku-5-5","max_tokens":1,"messages":[{"role":"user","content":"x"}]}`)
				req.Header.Set(h.name, h.value)
				if own != "" {
					req.Header.Set("x-bartizan-key", own)
				}
				a := call(t, req)
				if a.status != 403 && a.status != 401 || !strings.Contains(a.body, h.name+" carries "+h.what) || strings.Contains(a.body, "FOREIGNSECRET") {
					t.Errorf("%s %s: %d %s", path, h.name, a.status, a.body)
				}
				if e := w.decision(t, a.decision()); bytes.Contains(e.Raw, []byte("FOREIGNSECRET")) || bytes.Contains(e.Raw, []byte(loginToken)) {
					t.Errorf("%s %s: record %s", path, h.name, e.Raw)
				}
			}
		}
	}
	req := w.post(t, "/anthropic/v1/messages?beta=true&api_key=sk-ant-FOREIGNSECRET", aliceKey, `{}`)
	a := call(t, req)
	if e := w.decision(t, a.decision()); a.status != 403 || bytes.Contains(e.Raw, []byte("FOREIGNSECRET")) {
		t.Errorf("a key in the address: %d %s, record %s", a.status, a.body, e.Raw)
	}
	if now := len(w.anthropic.Requests()) + len(w.openAI.Requests()); now != seen {
		t.Errorf("%d requests reached an upstream", now-seen)
	}
}

// logins: the token of a login goes on and nothing else does; who calls is known by the virtual key.
func (w *world) logins(t *testing.T, upstream *fake.Vendor) {
	body := `{"model":"claude-haiku-5-5","max_tokens":64,"messages":[{"role":"user","content":"fake:say:\"ok\""}]}`
	for _, header := range []string{"x-api-key", "x-bartizan-key"} {
		req := w.post(t, "/login/v1/messages", "", body)
		req.Header.Set(header, aliceKey)
		req.Header.Set("authorization", "Bearer "+loginToken)
		req.Header.Set("anthropic-allowed-org-ids", "of-somebody-else")
		a := call(t, req)
		if a.status != http.StatusOK {
			t.Fatalf("%s: %d %s", header, a.status, a.body)
		}
		requests := upstream.Requests()
		got := requests[len(requests)-1].Header
		if got.Get("authorization") != "Bearer "+loginToken || got.Get("x-api-key") != "" || got.Get("x-bartizan-key") != "" {
			t.Errorf("the upstream got %v", got)
		}
		if org := got.Values("anthropic-allowed-org-ids"); len(org) != 1 || org[0] != organization {
			t.Errorf("the upstream is asked for organizations %q", org)
		}
		e := w.decision(t, a.decision())
		if !bytes.Contains(e.Raw, []byte("alice@example.com")) || bytes.Contains(e.Raw, []byte(loginToken)) {
			t.Errorf("record %s", e.Raw)
		}
	}
	seen := len(upstream.Requests())
	for name, headers := range map[string][2]string{
		"no login":                      {"", ""},
		"a key in the place of a login": {"authorization", "Bearer sk-ant-api03-FOREIGNSECRET"},
		"a key for the upstream":        {"x-bartizan-upstream-authorization", "Bearer sk-ant-api03-FOREIGNSECRET"},
	} {
		req := w.post(t, "/login/v1/messages", aliceKey, body)
		if headers[0] != "" {
			req.Header.Set(headers[0], headers[1])
		}
		if a := call(t, req); a.status != 403 || strings.Contains(a.body, "FOREIGNSECRET") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	req := w.post(t, "/login/v1/messages", "", body)
	req.Header.Set("authorization", "Bearer "+loginToken)
	if a := call(t, req); a.status != 403 || !strings.Contains(a.body, "x-bartizan-key") {
		t.Errorf("a login and no key: %d %s", a.status, a.body)
	}
	if now := len(upstream.Requests()); now != seen {
		t.Errorf("%d refused requests reached the upstream", now-seen)
	}
}

// unknownPasses: fields and betas that the gateway does not interpret go on as they came, and rules can name them.
func (w *world) unknownPasses(t *testing.T) {
	w.live(t, map[string]string{"fields.yaml": `apiVersion: bartizan/v1
kind: Policy
metadata: { name: fields }
spec:
  surface: llm
  rules:
    - { name: lunar, expression: "'lunar_phase' in llm.fields || 'moon-2026-11-01' in llm.betas", action: deny, reason: No moon. }
`})
	body := `{"model":"claude-haiku-5-5","max_tokens":64,"safeguards":[{"type":"dangerous_tool_use"}],%s"messages":[{"role":"user","content":"fake:say:\"ok\""}]}`
	for _, c := range []struct {
		more, beta string
		status     int
	}{
		{"", "dangerous-tool-use-2026-09-03,effort-2025-11-24", 200},
		{`"lunar_phase":1,`, "", 451},
		{"", "effort-2025-11-24, moon-2026-11-01", 451},
	} {
		req := w.post(t, "/anthropic/v1/messages?beta=true", aliceKey, fmt.Sprintf(body, c.more))
		req.Header.Set("anthropic-beta", c.beta)
		req.Header.Set("anthropic-version", "2026-10-21")
		if a := call(t, req); a.status != c.status {
			t.Errorf("%q %q: %d %s", c.more, c.beta, a.status, a.body)
		}
		if c.status != 200 {
			continue
		}
		requests := w.anthropic.Requests()
		last := requests[len(requests)-1]
		if string(last.Body) != fmt.Sprintf(body, c.more) || last.Header.Get("anthropic-beta") != c.beta || last.Header.Get("anthropic-version") != "2026-10-21" {
			t.Errorf("the upstream got %v %s", last.Header, last.Body)
		}
	}
}
