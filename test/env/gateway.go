package env

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go"

	"bartizan/extproc/audit/natsd"
	"bartizan/xds/status"
)

// Gateway is a running `bartizan up`.
type Gateway struct {
	*Process
	Binary  string
	State   string // its state folder
	URL     string // of its listener "http"
	NATS    *nats.Conn
	Records *Records
}

// endpointsFile is what `bartizan up` leaves in its state folder once it serves, and takes away when it ends.
const endpointsFile = "endpoints.json"

// Up runs `bartizan up` on a policy repository whose Gateway listens on port 0. secrets are environment variables with provider
// credentials. It returns when the gateway serves; the caller ends it with Close.
func Up(ctx context.Context, binary, policies, state string, secrets map[string]string, args ...string) (*Gateway, error) {
	var env []string
	for name, value := range secrets {
		env = append(env, name+"="+value)
	}
	if err := os.Remove(filepath.Join(state, endpointsFile)); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a gateway that was killed
		return nil, err
	}
	words := append([]string{"up", "--policies", policies, "--state", state, "--poll", "200ms", "--nats-listen", "127.0.0.1:0", "--metrics", ""}, args...)
	p, err := Run("bartizan up", binary, env, words...)
	if err != nil {
		return nil, err
	}
	g := &Gateway{Process: p, Binary: binary, State: state}
	if err := g.connect(ctx); err != nil {
		p.Kill()
		return nil, err
	}
	return g, nil
}

func (g *Gateway) connect(ctx context.Context) error {
	endpoints := filepath.Join(g.State, endpointsFile)
	if err := g.await(ctx, endpoints, func() bool { _, err := os.Stat(endpoints); return err == nil }); err != nil {
		return err
	}
	raw, err := os.ReadFile(endpoints)
	if err != nil {
		return err
	}
	var e struct{ Listeners map[string]string }
	if err := json.Unmarshal(raw, &e); err != nil {
		return fmt.Errorf("read %s: %w", endpoints, err)
	}
	g.URL = "http://" + e.Listeners["http"]
	url, err := natsd.ReadURL(filepath.Join(g.State, "nats"))
	if err != nil {
		return err
	}
	g.NATS, err = nats.Connect(url, nats.MaxReconnects(-1))
	if err != nil {
		return fmt.Errorf("connect to the gateway's NATS: %w", err)
	}
	g.Records = Follow(ctx, g.NATS)
	return nil
}

// Status asks the gateway's control server.
func (g *Gateway) Status(ctx context.Context) (status.Status, error) {
	return status.Fetch(ctx, filepath.Join(g.State, "run", "status.sock"))
}

// Live waits until a commit is in force on every node.
func (g *Gateway) Live(ctx context.Context, commit string) error {
	return g.awaitStatus(ctx, "commit "+commit+" to be live", func(s status.Status) bool {
		return s.Live != nil && s.Live.Commit == commit && s.Live.Nodes == len(s.Nodes) && s.Live.Nodes > 0
	})
}

// Rejected waits until a commit was found to have errors.
func (g *Gateway) Rejected(ctx context.Context, commit string) error {
	return g.awaitStatus(ctx, "commit "+commit+" to be rejected", func(s status.Status) bool {
		return s.Rejected != nil && s.Rejected.Commit == commit
	})
}

func (g *Gateway) awaitStatus(ctx context.Context, what string, enough func(status.Status) bool) error {
	return g.await(ctx, what, func() bool {
		s, err := g.Status(ctx)
		return err == nil && enough(s)
	})
}

// Command runs a bartizan command against this gateway's state and returns its output, and its exit code.
func (g *Gateway) Command(ctx context.Context, args ...string) (string, int, error) {
	p, err := Run("bartizan "+args[0], g.Binary, nil, args...)
	if err != nil {
		return "", 0, err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.Kill()
		return p.Output(), 0, ctx.Err()
	}
	return strings.TrimRight(p.Output(), "\n"), p.cmd.ProcessState.ExitCode(), nil
}

// Close ends the gateway in order.
func (g *Gateway) Close() error {
	if g.NATS != nil {
		g.NATS.Close()
	}
	return g.Stop()
}
