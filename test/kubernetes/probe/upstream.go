package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"

	"golang.org/x/sync/errgroup"

	"bartizan/test/fake"
)

type upstreamCmd struct {
	Model   string `required:"" help:"Where the model provider listens: host:port."`
	MCP     string `name:"mcp" required:"" help:"Where the MCP server listens: host:port."`
	KeyFile string `required:"" type:"path" help:"File with the credential that both want."`
}

// Run serves until interrupted.
func (c *upstreamCmd) Run(ctx context.Context) error {
	key, err := secret(c.KeyFile)
	if err != nil {
		return err
	}
	model, err := fake.StartAnthropic(ctx, fake.Options{Key: key})
	if err != nil {
		return err
	}
	tools, err := fake.StartMCP(ctx, fake.MCPOptions{Token: key})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return forward(ctx, c.Model, model.URL()) })
	group.Go(func() error { return forward(ctx, c.MCP, tools.URL()) })
	return group.Wait()
}

// forward lets other machines reach a fake, which itself listens on loopback alone, until ctx ends.
func forward(ctx context.Context, address, to string) error {
	target, err := url.Parse(to)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen for %s: %w", to, err)
	}
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept for %s: %w", to, err)
		}
		go join(ctx, conn, target.Host)
	}
}

// join copies between two connections until one of them ends.
func join(ctx context.Context, near net.Conn, address string) {
	defer near.Close()
	far, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return // the caller sees its connection closed
	}
	defer context.AfterFunc(ctx, func() { near.Close() })()
	var both sync.WaitGroup
	for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
		both.Go(func() {
			io.Copy(pair[0], pair[1])
			pair[0].(*net.TCPConn).CloseWrite()
		})
	}
	both.Wait()
	far.Close()
}
