// Package e2e proves what Bartizan promises through real processes: bartizan xds and bartizan extproc, the pinned Envoy, NATS, a Git
// repository, and the vendors' own SDKs against fakes that speak the real wire formats.
package e2e

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bartizan/extproc/audit/tail"
	"bartizan/test/env"
	"bartizan/test/fake"
)

// Keys of the two callers, and the credentials of the upstreams.
const (
	aliceKey   = "bz-alice-finance" // group finance: no Opus, no writing tools
	bobKey     = "bz-bob-platform"  // group platform
	vendorKey  = "sk-ant-fake-upstream"
	openAIKey  = "sk-fake-upstream"
	mcpToken   = "fake-mcp-token"
	mcpClient  = "fake-mcp-client-secret" // for which the fake authorization server gives tokens
	patience   = 20 * time.Second
	limitBytes = 40 << 20
)

// world is a fleet with its upstreams.
type world struct {
	*env.Fleet
	repo      *env.Repo
	anthropic *fake.Vendor
	openAI    *fake.Vendor
	warehouse *fake.MCP // speaks SSE, with sessions
	modern    *fake.MCP // speaks JSON, both eras, without sessions
	folder    string
}

// shared is the fleet of all tests that do not break anything.
var shared *world

func TestMain(m *testing.M) {
	code, err := testMain(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func testMain(m *testing.M) (int, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w, err := newWorld(ctx, env.FleetOptions{})
	if err != nil {
		return 1, err
	}
	defer w.close()
	shared = w
	code := m.Run()
	if code != 0 {
		fmt.Fprintln(os.Stderr, "=== logs of the shared fleet\n"+w.Logs())
	}
	return code, nil
}

// start makes a fleet for one test, which may break it.
func start(t *testing.T, o env.FleetOptions) *world {
	t.Helper()
	w, err := newWorld(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.close()
		if t.Failed() {
			t.Log(w.Logs())
		}
	})
	return w
}

func newWorld(ctx context.Context, o env.FleetOptions) (*world, error) {
	w := &world{}
	if err := w.start(ctx, o); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *world) start(ctx context.Context, o env.FleetOptions) (err error) {
	if err := w.prepare(ctx, &o); err != nil {
		return err
	}
	starting, cancel := context.WithTimeout(ctx, 3*time.Minute) // the first run installs Envoy
	defer cancel()
	w.Fleet, err = env.StartFleet(starting, w.folder, o)
	if err != nil {
		return err
	}
	w.Records = env.Follow(ctx, w.NATS) // for as long as the tests run, not just the start
	return nil
}

// prepare starts what stands around a fleet.
func (w *world) prepare(ctx context.Context, o *env.FleetOptions) (err error) {
	if w.folder, err = os.MkdirTemp("", "bz"); err != nil {
		return err
	}
	if w.anthropic, err = fake.StartAnthropic(ctx, fake.Options{Key: vendorKey}); err != nil {
		return err
	}
	if w.openAI, err = fake.StartOpenAI(ctx, fake.Options{Key: openAIKey}); err != nil {
		return err
	}
	if w.warehouse, err = fake.StartMCP(ctx, fake.MCPOptions{Token: mcpToken}); err != nil {
		return err
	}
	if w.modern, err = fake.StartMCP(ctx, fake.MCPOptions{Token: mcpToken, Stateless: true, JSON: true}); err != nil {
		return err
	}
	if w.repo, err = env.NewRepo(filepath.Join(w.folder, "policies"), w.policies()); err != nil {
		return err
	}
	o.Policies = w.repo.Dir
	o.Secrets = map[string]string{"anthropic-key": vendorKey, "openai-key": openAIKey, "mcp-token": mcpToken, "mcp-client": mcpClient}
	return nil
}

func (w *world) close() {
	if w.Fleet != nil {
		w.Fleet.Close()
	}
	os.RemoveAll(w.folder)
}

func (w *world) policies() map[string]string {
	return map[string]string{
		"gateway.yaml": fmt.Sprintf(`apiVersion: bartizan/v1
kind: Gateway
metadata: { name: e2e }
spec:
  listeners: [{ name: http, port: 0 }]
  virtualKeys:
    - { name: alice, sha256: %x, user: alice@example.com, groups: [finance] }
    - { name: bob, sha256: %x, user: bob@example.com, groups: [platform] }
`, sha256.Sum256([]byte(aliceKey)), sha256.Sum256([]byte(bobKey))),
		"upstreams.yaml": fmt.Sprintf(`apiVersion: bartizan/v1
kind: Provider
metadata: { name: anthropic }
spec: { dialect: anthropic, url: %q, operations: [messages], credential: { secret: anthropic-key }, prices: { table: anthropic } }
---
apiVersion: bartizan/v1
kind: Provider
metadata: { name: openai }
spec:
  dialect: openai
  url: %q
  operations: [chat.completions]
  credential: { secret: openai-key }
  prices: { source: our contract, date: 2026-11-01, models: [{ model: gpt-5.5, input: 4, output: 20, cacheRead: 0.4 }] }
---
apiVersion: bartizan/v1
kind: McpServer
metadata: { name: warehouse }
spec:
  url: %s
  credential: { secret: mcp-token }
  tools: [{ name: query_sales, annotations: { readOnlyHint: true } }]
---
apiVersion: bartizan/v1
kind: McpServer
metadata: { name: modern }
spec:
  url: %s
  credential: { secret: mcp-token }
  tools: [{ name: query_sales, annotations: { readOnlyHint: true } }]
`, w.anthropic.URL(), w.openAI.URL(), w.warehouse.URL()+fake.MCPPath, w.modern.URL()+fake.MCPPath),
		"rules.yaml": `apiVersion: bartizan/v1
kind: Policy
metadata: { name: models }
spec:
  surface: llm
  matchConditions: ["'finance' in identity.groups"]
  rules:
    - name: no-opus
      expression: llm.model.startsWith('claude-opus')
      action: deny
      severity: high
      reason: Opus is not for finance.
---
apiVersion: bartizan/v1
kind: Policy
metadata: { name: tools }
spec:
  surface: mcp
  matchConditions: ["'finance' in identity.groups"]
  rules:
    - name: read-only
      on: [tools/call]
      expression: "!mcp.tool.annotations.readOnlyHint"
      action: deny
      severity: high
      reason: Finance analysts have read-only access to the warehouse.
`,
	}
}

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
	err    error // reading the body: the connection broke
}

func (a answer) decision() string { return a.header.Get("x-bartizan-decision") }

// call sends one request and reads the whole answer.
func call(t testing.TB, req *http.Request) answer {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}, Timeout: time.Minute}
	res, err := client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(body), err}
}

// messages is a request to the fake Anthropic: script is what the model does.
func (w *world) messages(t testing.TB, key, model, script string, stream bool) *http.Request {
	t.Helper()
	body := fmt.Sprintf(`{"model":%q,"max_tokens":64,"stream":%t,"messages":[{"role":"user","content":%q}]}`, model, stream, "Hello. fake:"+script)
	return w.post(t, "/anthropic/v1/messages", key, body)
}

func (w *world) post(t testing.TB, path, key, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("content-type", "application/json")
	req.Header.Set("accept", "application/json, text/event-stream")
	req.Header.Set("anthropic-version", "2023-06-01")
	if key != "" {
		req.Header.Set("x-api-key", key)
	}
	return req
}

// decision waits for the closing record of a decision id.
func (w *world) decision(t testing.TB, id string) tail.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	e, err := w.Records.Decision(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// recordWhere waits for a closing record that matches, which may have come before.
func (w *world) recordWhere(t testing.TB, what string, match func(tail.Event) bool) tail.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	e, err := w.Records.Wait(ctx, func(e tail.Event) bool { return e.Own().Phase == "exchange" && match(e) })
	if err != nil {
		t.Fatalf("record of %s: %v", what, err)
	}
	return e
}
