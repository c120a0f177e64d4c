package fake

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// anything is the schema of any arguments.
var anything = json.RawMessage(`{"type":"object"}`)

// Everything is an MCP server, on the official Go SDK, that has one of everything: tools t0 to t(n-1), on pages of two; a tool that
// reports progress, one that waits until it is cancelled, and one that asks for consent and says what it heard; the prompt p, the
// resource x://<name>, the template y://{id}, completions, and subscriptions to resources.
func Everything(name string, n int) *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: name, Version: "1"}, &mcp.ServerOptions{
		PageSize: 2, Instructions: "Be kind to " + name + ".",
		CompletionHandler: func(_ context.Context, r *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
			return &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{Values: []string{name, r.Params.Ref.Name + r.Params.Ref.URI}}}, nil
		},
		SubscribeHandler:   func(context.Context, *mcp.SubscribeRequest) error { return nil },
		UnsubscribeHandler: func(context.Context, *mcp.UnsubscribeRequest) error { return nil },
	})
	for i := range n {
		s.AddTool(&mcp.Tool{Name: fmt.Sprintf("t%d", i), InputSchema: anything}, func(_ context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{
				&mcp.TextContent{Text: name + " " + r.Params.Name}, &mcp.ResourceLink{URI: "x://" + name, Name: "x"},
			}}, nil
		})
	}
	s.AddTool(&mcp.Tool{Name: "progress", InputSchema: anything}, func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		err := r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: r.Params.GetProgressToken(), Progress: 1, Message: name})
		return &mcp.CallToolResult{Content: []mcp.Content{}}, err
	})
	s.AddTool(&mcp.Tool{Name: "ask", InputSchema: anything}, consent)
	s.AddTool(&mcp.Tool{Name: "wait", InputSchema: anything}, func(ctx context.Context, _ *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	s.AddPrompt(&mcp.Prompt{Name: "p"}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{{Role: "user", Content: &mcp.TextContent{Text: "prompt of " + name}}}}, nil
	})
	read := func(_ context.Context, r *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: r.Params.URI, Text: "resource of " + name}}}, nil
	}
	s.AddResource(&mcp.Resource{URI: "x://" + name, Name: "x"}, read)
	s.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "y://{id}", Name: "y"}, read)
	return s
}

// consent asks the client for its consent: by a request where there is a session, else by a result that asks.
func consent(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	question := &mcp.ElicitParams{Message: "May I?", RequestedSchema: json.RawMessage(`{"type":"object","properties":{"why":{"type":"string"}}}`)}
	var answer *mcp.ElicitResult
	switch {
	case r.Session.ID() != "":
		var err error
		if answer, err = r.Session.Elicit(ctx, question); err != nil {
			return nil, err
		}
	case len(r.Params.InputResponses) == 0:
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"consent": question}, RequestState: "mine"}, nil
	default:
		if r.Params.RequestState != "mine" {
			return nil, fmt.Errorf("state %q", r.Params.RequestState)
		}
		answer, _ = r.Params.InputResponses["consent"].(*mcp.ElicitResult)
	}
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: fmt.Sprint(answer.Action, " ", answer.Content["why"])}}}, nil
}
