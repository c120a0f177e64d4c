package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/nats-io/nats.go"

	"bartizan/extproc/audit/tail"
)

type checkCmd struct {
	Gateway string        `required:"" help:"URL of the gateway."`
	Name    string        `required:"" help:"Name of the Provider, and of the McpServer, that lead to the upstream."`
	KeyFile string        `required:"" type:"path" help:"File with a virtual key."`
	Timeout time.Duration `default:"1m" help:"How long it may take, the start of what is still starting included."`

	NATSURL          string `name:"nats-url" required:"" help:"URL of NATS."`
	NATSUser         string `name:"nats-user" help:"User that may read records."`
	NATSPasswordFile string `name:"nats-password-file" type:"path" help:"File with its password."`
	NATSCreds        string `name:"nats-creds" type:"path" help:"Or a credentials file of NATS."`
	NATSTLSCA        string `name:"nats-tls-ca" type:"path" help:"Who signed the certificate of NATS (PEM)."`
	NATSTLSCert      string `name:"nats-tls-cert" type:"path" help:"Our own certificate (PEM)."`
	NATSTLSKey       string `name:"nats-tls-key" type:"path" help:"Its key (PEM)."`
}

// Run tries each step until it goes well.
func (c *checkCmd) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	key, err := secret(c.KeyFile)
	if err != nil {
		return err
	}
	nc, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer nc.Close()
	began := time.Now().Add(-time.Minute) // clocks of nodes differ
	p := &prober{checkCmd: c, agent: "bartizan-probe/" + rand.Text(), key: key}
	for _, s := range []struct {
		surface string
		call    func(context.Context) (string, error)
	}{{"llm", p.model}, {"mcp", p.tool}} {
		said, err := until(ctx, s.call)
		if err != nil {
			return fmt.Errorf("%s: %w", s.surface, err)
		}
		fmt.Printf("%s: answered: %s\n", s.surface, said)
	}
	return p.records(ctx, nc, began)
}

// until tries again every half second, and reports the last error when ctx ends.
func until(ctx context.Context, try func(context.Context) (string, error)) (string, error) {
	for {
		said, err := try(ctx)
		if err == nil {
			return said, nil
		}
		select {
		case <-ctx.Done():
			return "", err
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (c *checkCmd) connect(ctx context.Context) (*nats.Conn, error) {
	options := []nats.Option{nats.Name("bartizan-probe"), nats.MaxReconnects(-1)}
	if c.NATSUser != "" {
		password, err := secret(c.NATSPasswordFile)
		if err != nil {
			return nil, err
		}
		options = append(options, nats.UserInfo(c.NATSUser, password))
	}
	if c.NATSCreds != "" {
		options = append(options, nats.UserCredentials(c.NATSCreds))
	}
	if c.NATSTLSCA != "" {
		options = append(options, nats.RootCAs(c.NATSTLSCA))
	}
	if c.NATSTLSCert != "" {
		options = append(options, nats.ClientCert(c.NATSTLSCert, c.NATSTLSKey))
	}
	var nc *nats.Conn
	_, err := until(ctx, func(context.Context) (string, error) {
		var err error
		nc, err = nats.Connect(c.NATSURL, options...)
		return "", err
	})
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	return nc, nil
}

// prober sends calls that can be told from all others.
type prober struct {
	*checkCmd
	agent, key string
}

// RoundTrip makes every request one of the prober's.
func (p *prober) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", p.agent)
	r.Header.Set("Authorization", "Bearer "+p.key)
	return http.DefaultTransport.RoundTrip(r)
}

const question = `{"model":"claude-sonnet-4-5","max_tokens":16,"messages":[{"role":"user","content":"Are you there?"}]}`

// model asks the fake model.
func (p *prober) model(ctx context.Context) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Gateway+"/"+p.Name+"/v1/messages", strings.NewReader(question))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Anthropic-Version", "2023-06-01")
	answer, err := p.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, body)
	}
	return answer.Status, err
}

// tool lists the tools of the fake MCP server, and calls the one that reads.
func (p *prober) tool(ctx context.Context) (string, error) {
	session, err := mcp.NewClient(&mcp.Implementation{Name: "bartizan-probe", Version: "1"}, nil).Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: p.Gateway + "/mcp/" + p.Name, HTTPClient: &http.Client{Transport: p}, DisableStandaloneSSE: true,
	}, nil)
	if err != nil {
		return "", err
	}
	defer session.Close()
	result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "query_sales", Arguments: map[string]any{"region": "EU"}})
	if err != nil {
		return "", err
	}
	text := ""
	for _, c := range result.Content {
		if t, ok := c.(*mcp.TextContent); ok {
			text += t.Text
		}
	}
	if result.IsError {
		return "", errors.New(text)
	}
	return text, nil
}

// errFound ends the reading.
var errFound = errors.New("found")

// records waits for the records of the two calls that went well. The stream can be without a leader still: it is read again then.
func (p *prober) records(ctx context.Context, nc *nats.Conn, since time.Time) error {
	missing := map[string]bool{"messages": true, "tools/call": true}
	read := func(e *tail.Event) error {
		outcome := e.Own().Outcome
		if !missing[e.API.Operation] || !strings.Contains(string(e.Raw), p.agent) || (outcome != "allow" && outcome != "flag") {
			return nil
		}
		delete(missing, e.API.Operation)
		fmt.Printf("%s: recorded on %s, stream sequence %d, by user %s at commit %.12s\n", e.Own().Surface, e.Subject, e.StreamSeq, e.Actor.User.Name, e.Own().Commit)
		if len(missing) == 0 {
			return errFound
		}
		return nil
	}
	_, err := until(ctx, func(ctx context.Context) (string, error) {
		err := tail.Tail(ctx, nc, tail.Options{Since: since}, read)
		if errors.Is(err, errFound) {
			return "", nil
		}
		return "", err
	})
	if len(missing) == 0 {
		return nil
	}
	for operation := range missing {
		err = errors.Join(err, fmt.Errorf("no record of %s", operation))
	}
	return err
}
