package main

import (
	"context"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// hidden is the tool that policies/access.yaml keeps from the suites, which do not know of it.
const hidden = "test_x_mcp_header"

// filters makes sure that the gateway filters: a suite would pass all the same if it did not.
func (w *world) filters(ctx context.Context) error {
	for _, s := range suites {
		behind, err := lists(ctx, w.servers[s.server()].url)
		if err != nil {
			return err
		}
		through, err := lists(ctx, w.endpoint(s))
		if err != nil {
			return err
		}
		if !behind || through {
			return fmt.Errorf("the gateway does not filter: %s is listed by the server: %t, through the gateway: %t", hidden, behind, through)
		}
	}
	return nil
}

// lists tells whether the hidden tool is listed at an endpoint.
func lists(ctx context.Context, endpoint string) (bool, error) {
	client := mcp.NewClient(&mcp.Implementation{Name: "conformance", Version: "1"}, nil)
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: endpoint}, nil)
	if err != nil {
		return false, fmt.Errorf("connect to %s: %w", endpoint, err)
	}
	defer session.Close()
	for tool, err := range session.Tools(ctx, nil) {
		if err != nil {
			return false, fmt.Errorf("list the tools of %s: %w", endpoint, err)
		}
		if tool.Name == hidden {
			return true, nil
		}
	}
	return false, nil
}
