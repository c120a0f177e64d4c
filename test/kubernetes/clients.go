package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"
)

// expect compares what came with what was to come.
func expect[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s: %v, expected %v", what, got, want)
	}
	return nil
}

// withKey presents a virtual key as MCP clients do.
type withKey string

// RoundTrip adds the header to a copy of the request.
func (k withKey) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("authorization", "Bearer "+string(k))
	return http.DefaultTransport.RoundTrip(r)
}

// refused is an error unless err is a model's refusal by the policies, as the vendor's SDK reads it.
func refused(err error, reason string) error {
	var one *anthropic.Error
	var other *openai.Error
	status := 0
	if errors.As(err, &one) {
		status = one.StatusCode
	} else if errors.As(err, &other) {
		status = other.StatusCode
	}
	if status != http.StatusUnavailableForLegalReasons || !strings.Contains(err.Error(), reason) {
		return fmt.Errorf("not refused with %q: %w", reason, err)
	}
	return nil
}

// anthropicCall asks a model through a gateway with Anthropic's SDK.
func (w *world) anthropicCall(ctx context.Context, gateway, model string) (string, error) {
	client := anthropic.NewClient(anthropicoption.WithoutEnvironmentDefaults(), anthropicoption.WithBaseURL(gateway+"/anthropic"),
		anthropicoption.WithAPIKey(w.key), anthropicoption.WithMaxRetries(0))
	message, err := client.Messages.New(ctx, question(model, `say:"It grew."`))
	if err != nil {
		return "", err
	}
	return text(*message), nil
}

func question(model, script string) anthropic.MessageNewParams {
	return anthropic.MessageNewParams{
		Model: model, MaxTokens: 200,
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("How did we sell? fake: " + script))},
	}
}

func text(m anthropic.Message) (text string) {
	for _, block := range m.Content {
		text += block.Text
	}
	return text
}

// models: an answer, a stream and a refusal, with the SDKs of two vendors.
func (w *world) models(ctx context.Context) error {
	answer, err := w.anthropicCall(ctx, w.url, "claude-sonnet-5")
	if err != nil {
		return err
	}
	streamed, events, err := w.anthropicStream(ctx)
	if err != nil {
		return err
	}
	_, denied := w.anthropicCall(ctx, w.url, "claude-opus-5-5")
	client := openai.NewClient(openaioption.WithBaseURL(w.url+"/openai/v1"), openaioption.WithAPIKey(w.key), openaioption.WithMaxRetries(0))
	chat, err := client.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
		Model: "gpt-5.5", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(`Shorter? fake: say:"Up."`)},
	})
	if err != nil {
		return err
	}
	return errors.Join(refused(denied, "This model is not for finance."),
		expect("answer", answer, "It grew."), expect("streamed answer", streamed, "It grew a little."), expect("events of the stream came", events > 3, true),
		expect("answer of the other vendor", chat.Choices[0].Message.Content, "Up."))
}

func (w *world) anthropicStream(ctx context.Context) (answer string, events int, err error) {
	client := anthropic.NewClient(anthropicoption.WithoutEnvironmentDefaults(), anthropicoption.WithBaseURL(w.url+"/anthropic"),
		anthropicoption.WithAPIKey(w.key), anthropicoption.WithMaxRetries(0))
	stream := client.Messages.NewStreaming(ctx, question("claude-sonnet-5", `say:"It grew a little." delay:20ms`))
	var message anthropic.Message
	for ; stream.Next(); events++ {
		if err := message.Accumulate(stream.Current()); err != nil {
			return "", events, err
		}
	}
	return text(message), events, stream.Err()
}

// tools: one that is called and one that is refused, with the MCP SDK.
func (w *world) tools(ctx context.Context) error {
	session, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: w.url + "/mcp/warehouse", HTTPClient: &http.Client{Transport: withKey(w.key)}, DisableStandaloneSSE: true,
	}, nil)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer session.Close()
	read, readFailed, err := callTool(ctx, session, "query_sales", map[string]any{"region": "EU"})
	if err != nil {
		return err
	}
	written, writeFailed, err := callTool(ctx, session, "update_sales", map[string]any{"region": "EU", "amount": 1})
	return errors.Join(err,
		expect("reading failed", readFailed, false), expect("sales were read", strings.Contains(read, "1250000"), true),
		expect("writing failed", writeFailed, true), expect("the reason is said", strings.Contains(written, "read-only access to the warehouse"), true))
}

func callTool(ctx context.Context, session *mcp.ClientSession, tool string, args map[string]any) (text string, failed bool, err error) {
	res, err := session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: args})
	if err != nil {
		return "", false, fmt.Errorf("call %s: %w", tool, err)
	}
	for _, c := range res.Content {
		if t, ok := c.(*mcp.TextContent); ok {
			text += t.Text
		}
	}
	return text, res.IsError, nil
}
