package e2e

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"

	"bartizan/extproc/audit/tail"
)

func (w *world) anthropicClient(key string, opts ...anthropicoption.RequestOption) anthropic.Client {
	return anthropic.NewClient(append([]anthropicoption.RequestOption{
		anthropicoption.WithBaseURL(w.URL + "/anthropic"), anthropicoption.WithAPIKey(key), anthropicoption.WithMaxRetries(3),
	}, opts...)...)
}

func ask(model, text string) anthropic.MessageNewParams {
	return anthropic.MessageNewParams{
		Model: model, MaxTokens: 64,
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(text))},
	}
}

// TestAnthropicStream: the SDK reads a whole stream with a tool call, and the record counts its tokens.
func TestAnthropicStream(t *testing.T) {
	w := shared
	var decision string
	client := w.anthropicClient(aliceKey, anthropicoption.WithMiddleware(func(r *http.Request, next anthropicoption.MiddlewareNext) (*http.Response, error) {
		res, err := next(r)
		if res != nil {
			decision = res.Header.Get("x-bartizan-decision")
		}
		return res, err
	}))
	stream := client.Messages.NewStreaming(t.Context(), ask("claude-sonnet-5", `Hello. fake:say:"good morning" tool:get_weather{"city":"Wien"} usage:120,34`))
	var message anthropic.Message
	for stream.Next() {
		if err := message.Accumulate(stream.Current()); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if message.StopReason != "tool_use" || message.Usage.OutputTokens != 34 {
		t.Errorf("stop reason %s, %d output tokens", message.StopReason, message.Usage.OutputTokens)
	}
	e := w.decision(t, decision)
	own := e.Own()
	if own.Outcome != "allow" || e.Actor.User.Name != "alice@example.com" || e.Model.Name != "claude-sonnet-5" || own.Usage.Input != 120 || own.Usage.Output != 34 {
		t.Errorf("record %s", e.Raw)
	}
	if len(own.ToolCalls) != 1 || own.ToolCalls[0].Name != "get_weather" {
		t.Errorf("tool calls %+v", own.ToolCalls)
	}
	noCallerKey(t, e)
}

// noCallerKey fails if a key of a caller or an upstream stands in a record.
func noCallerKey(t *testing.T, e tail.Event) {
	t.Helper()
	for _, secret := range []string{aliceKey, bobKey, vendorKey, openAIKey, mcpToken, "good morning"} {
		if strings.Contains(string(e.Raw), secret) {
			t.Errorf("the record holds %q: %s", secret, e.Raw)
		}
	}
}

// TestModelDenied: the SDK shows our words after one try.
func TestModelDenied(t *testing.T) {
	w := shared
	before := len(w.anthropic.Requests())
	tries := 0
	client := w.anthropicClient(aliceKey, anthropicoption.WithMiddleware(func(r *http.Request, next anthropicoption.MiddlewareNext) (*http.Response, error) {
		tries++
		return next(r)
	}))
	_, err := client.Messages.New(t.Context(), ask("claude-opus-5-5", "Hello"))
	var api *anthropic.Error
	if !errors.As(err, &api) || api.StatusCode != http.StatusUnavailableForLegalReasons {
		t.Fatalf("error %v, want 451", err)
	}
	if !strings.Contains(api.RawJSON(), "Opus is not for finance.") || !strings.Contains(api.RawJSON(), "models/no-opus") || tries != 1 {
		t.Errorf("%d tries, %s", tries, api.RawJSON())
	}
	if got := len(w.anthropic.Requests()); got != before {
		t.Errorf("the upstream was called")
	}
	e := w.decision(t, api.Response.Header.Get("x-bartizan-decision"))
	if e.Own().Outcome != "deny" || e.Policy.UID == "" || e.Response.Code != 451 {
		t.Errorf("record %s", e.Raw)
	}
	// The same model is allowed for another group.
	client = w.anthropicClient(bobKey)
	if _, err := client.Messages.New(t.Context(), ask("claude-opus-5-5", "Hello")); err != nil {
		t.Errorf("bob: %v", err)
	}
}

func TestOpenAI(t *testing.T) {
	w := shared
	client := openai.NewClient(openaioption.WithBaseURL(w.URL+"/openai/v1"), openaioption.WithAPIKey(bobKey))
	var res *http.Response
	stream := client.Chat.Completions.NewStreaming(t.Context(), openai.ChatCompletionNewParams{
		Model:         "gpt-5.5",
		Messages:      []openai.ChatCompletionMessageParamUnion{openai.UserMessage(`Hello. fake:say:"good morning" usage:21,5`)},
		StreamOptions: openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)},
	}, openaioption.WithResponseInto(&res))
	text := ""
	for stream.Next() {
		for _, c := range stream.Current().Choices {
			text += c.Delta.Content
		}
	}
	if err := stream.Err(); err != nil || text != "good morning" {
		t.Fatalf("text %q, error %v", text, err)
	}
	e := w.decision(t, res.Header.Get("x-bartizan-decision"))
	if e.Own().Usage.Input != 21 || e.Own().Usage.Output != 5 || e.Own().Outcome != "allow" {
		t.Errorf("record %s", e.Raw)
	}
	whole, err := client.Chat.Completions.New(t.Context(), openai.ChatCompletionNewParams{
		Model: "gpt-5.5", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(`Hello. fake:say:"and again"`)},
	})
	if err != nil || whole.Choices[0].Message.Content != "and again" {
		t.Errorf("whole answer %v, error %v", whole, err)
	}
}

// bearer sends a virtual key as MCP clients do.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

func (w *world) mcpSession(t *testing.T, server, key string) *mcp.ClientSession {
	t.Helper()
	return w.mcpSessionOf(t, server, key, nil)
}

func (w *world) mcpSessionOf(t *testing.T, server, key string, o *mcp.ClientOptions) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "e2e", Version: "1"}, o)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: w.URL + "/mcp/" + server, HTTPClient: &http.Client{Transport: bearer(key)},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session
}

// TestMCP: list, an allowed call, a refused call that the model can read, in both eras (SSE with sessions, JSON without).
func TestMCP(t *testing.T) {
	for _, server := range []string{"warehouse", "modern"} {
		t.Run(server, func(t *testing.T) {
			w := shared
			upstream := w.warehouse
			if server == "modern" {
				upstream = w.modern
			}
			session := w.mcpSession(t, server, aliceKey)
			tools, err := session.ListTools(t.Context(), nil)
			if err != nil || len(tools.Tools) != 2 {
				t.Fatalf("tools %v, error %v", tools, err)
			}
			before := len(upstream.Calls())
			res, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "query_sales", Arguments: map[string]any{"quarter": "2026-Q3"}})
			if err != nil || res.IsError {
				t.Fatalf("query_sales: %+v, error %v", res, err)
			}
			res, err = session.CallTool(t.Context(), &mcp.CallToolParams{Name: "update_sales", Arguments: map[string]any{"quarter": "2026-Q3", "amount": 1}})
			if err != nil || !res.IsError {
				t.Fatalf("update_sales: %+v, error %v, want a result with isError", res, err)
			}
			text := res.Content[0].(*mcp.TextContent).Text
			if !strings.Contains(text, "read-only access to the warehouse") || !strings.Contains(text, "tools/read-only") {
				t.Errorf("the model reads %q", text)
			}
			if calls := upstream.Calls()[before:]; len(calls) != 1 || calls[0].Tool != "query_sales" {
				t.Errorf("the server saw %+v", calls)
			}
			e := w.recordWhere(t, "the refused call", func(e tail.Event) bool {
				return e.Own().Outcome == "deny" && e.Own().MCP.Tool == "update_sales" && e.API.Service.Name == server
			})
			noCallerKey(t, e)
		})
	}
}

// TestKeysNeverPass: whatever headers a caller puts its key in, the upstream sees only its own credential.
func TestKeysNeverPass(t *testing.T) {
	w := shared
	req := w.messages(t, aliceKey, "claude-sonnet-5", "say:\"hi\"", false)
	req.Header.Set("authorization", "Bearer "+aliceKey)
	req.Header.Set("x-goog-api-key", aliceKey)
	req.Header.Set("accept-encoding", "gzip, br, zstd")
	a := call(t, req)
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	seen, err := w.anthropic.Await(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	last := seen[len(seen)-1]
	for name, values := range last.Header {
		if strings.Contains(strings.Join(values, ","), aliceKey) {
			t.Errorf("the caller's key reached the upstream in %s", name)
		}
	}
	if last.Header.Get("x-api-key") != vendorKey || last.Header.Get("authorization") != "" {
		t.Errorf("credentials at the upstream: %v", last.Header)
	}
	if enc := last.Header.Get("accept-encoding"); enc != "" {
		t.Errorf("accept-encoding %q was passed on: the answer could come compressed", enc)
	}
}
