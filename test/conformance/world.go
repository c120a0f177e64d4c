package main

import (
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"bartizan/test/env"
)

//go:embed policies
var policies embed.FS

// virtualKey is the one that the suites' requests carry, and upstreamToken what the servers would want.
const (
	virtualKey    = "bz-conformance"
	upstreamToken = "conformance-upstream"
)

// The McpServers of the policies, and what stands before the port in their URL.
const (
	withSessions    = "sessions"
	withoutSessions = "stateless"
)

// world is everything that runs: the two servers, and in front of them a fleet and the proxy that adds the key.
type world struct {
	folder  string
	servers map[string]*server
	fleet   *env.Fleet
	proxy   *httptest.Server
}

// server is a conformance server.
type server struct {
	cmd *exec.Cmd
	url string
}

func newWorld(ctx context.Context, t *tools, direct bool) (*world, error) {
	w := &world{servers: map[string]*server{}}
	if err := w.start(ctx, t, direct); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *world) start(ctx context.Context, t *tools, direct bool) (err error) {
	if w.folder, err = os.MkdirTemp("", "bz"); err != nil { // a short path: it holds Unix sockets
		return err
	}
	if w.servers[withSessions], err = startServer(ctx, t, "-stateless=false"); err != nil {
		return err
	}
	if w.servers[withoutSessions], err = startServer(ctx, t, "-stateless=true"); err != nil {
		return err
	}
	if direct {
		return nil
	}
	files, err := w.policies()
	if err != nil {
		return err
	}
	repo, err := env.NewRepo(filepath.Join(w.folder, "policies"), files)
	if err != nil {
		return err
	}
	starting, cancel := context.WithTimeoutCause(ctx, 3*time.Minute, errors.New("the gateway does not start")) // the first run installs Envoy
	defer cancel()
	w.fleet, err = env.StartFleet(starting, w.folder, env.FleetOptions{Policies: repo.Dir, Secrets: map[string]string{"upstream": upstreamToken}})
	if err != nil {
		return err
	}
	w.fleet.Records = env.Follow(ctx, w.fleet.NATS)
	return w.startProxy()
}

// startServer runs a conformance server on a free port of loopback, which it cannot choose itself, and waits until it listens.
func startServer(ctx context.Context, t *tools, mode string) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	l.Close()
	s := &server{cmd: exec.CommandContext(ctx, t.server, "-http="+addr, mode), url: "http://" + addr + "/mcp"}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the conformance server: %w", err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			return s, conn.Close()
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("the conformance server does not listen: %w", err)
		}
	}
}

func (w *world) policies() (map[string]string, error) {
	fill := strings.NewReplacer(
		"${KEY_SHA256}", fmt.Sprintf("%x", sha256.Sum256([]byte(virtualKey))),
		"${SESSIONS}", w.servers[withSessions].url, "${STATELESS}", w.servers[withoutSessions].url,
	)
	files := map[string]string{}
	names, err := fs.Glob(policies, "policies/*.yaml")
	for _, name := range names {
		raw, err := policies.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files[path.Base(name)] = fill.Replace(string(raw))
	}
	return files, err
}

// startProxy adds the key to each request and leaves everything else as it is, Host and Origin among it.
func (w *world) startProxy() error {
	gateway, err := url.Parse(w.fleet.URL)
	if err != nil {
		return err
	}
	w.proxy = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = gateway.Scheme, gateway.Host, r.In.Host
			r.Out.Header.Set("authorization", "Bearer "+virtualKey)
		},
		Transport:     &http.Transport{DisableCompression: true},
		FlushInterval: -1,
	})
	return nil
}

// server is the name of the server that a suite asks.
func (s suite) server() string {
	if s.sessions {
		return withSessions
	}
	return withoutSessions
}

// endpoint is where a suite finds its server.
func (w *world) endpoint(s suite) string {
	name := s.server()
	if w.proxy == nil {
		return w.servers[name].url
	}
	return w.proxy.URL + "/mcp/" + name
}

func (w *world) logs() string {
	if w.fleet == nil {
		return ""
	}
	text := w.fleet.Logs() + "--- records\n"
	for _, e := range w.fleet.Records.All() {
		text += string(e.Raw) + "\n"
	}
	return text
}

func (w *world) close() error {
	if w.proxy != nil {
		w.proxy.CloseClientConnections()
		w.proxy.Close()
	}
	if w.fleet != nil {
		w.fleet.Close()
	}
	var errs []error
	for _, s := range w.servers {
		if s != nil {
			errs = append(errs, s.cmd.Process.Kill())
			_ = s.cmd.Wait()
		}
	}
	return errors.Join(append(errs, os.RemoveAll(w.folder))...)
}
