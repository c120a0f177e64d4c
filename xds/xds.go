// Package xds is the control server, put together: it follows a policy repository (source), turns each commit into what Envoy and
// extproc are to do (snapshot) and rolls it out (ads), and says how that stands (status).
//
// A commit with any error changes nothing: what is in force stays, and the errors are logged and shown by status. It holds no
// secret; provider credentials are named by it and read by Envoy.
package xds

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"bartizan/envoy/socket"
	"bartizan/filters/manifest"
	"bartizan/xds/ads"
	"bartizan/xds/snapshot"
	"bartizan/xds/source"
	"bartizan/xds/status"
)

// Service is the control server.
type Service struct {
	Repository Repository
	Options    snapshot.Options
	Keys       string       // folder of VirtualKeys beside the repository, such as a mounted Secret; empty: there is none
	Listen     string       // delta ADS: "unix:/path" or "host:port"
	Trust      socket.Trust // for TCP
	Status     string       // status, metrics and health over HTTP: "unix:/path" or "host:port"
}

// Run serves until ctx ends. The first commit must be readable; it may be wrong, and a later one right.
func (s Service) Run(ctx context.Context) error {
	log := s.Repository.log()
	src, err := s.Repository.open()
	if err != nil {
		return err
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	opts := ads.Options{Logger: log, Registerer: reg}
	creds, err := s.Trust.Credentials(s.Listen, log)
	if err != nil {
		return fmt.Errorf("serve xDS: %w", err)
	}
	if creds != nil {
		opts.GRPC = append(opts.GRPC, grpc.Creds(creds))
	}
	server := ads.New(opts)
	l, err := socket.Listen(s.Listen)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Serve(ctx, l) })
	group.Go(func() error { return s.serveStatus(ctx, src, server, reg) })
	group.Go(func() error { return s.follow(ctx, src, server) })
	return group.Wait()
}

// follow publishes each tree, and the newest one again when the keys beside it change. A rollout that still waits for nodes is given up for
// the next one.
func (s Service) follow(ctx context.Context, src *source.Source, server *ads.Server) error {
	r := rollouts{publish: func(ctx context.Context, tree, keys source.Tree) {
		s.Options.Keys = keys.Files
		s.publish(ctx, s.Repository.log(), server, tree)
	}}
	defer r.end()
	group, inner := errgroup.WithContext(ctx)
	if s.Keys != "" {
		keys, err := source.NewDirectory(source.Directory{Path: s.Keys, Logger: s.Repository.log()})
		if err != nil {
			return err
		}
		if r.keys, err = keys.Load(ctx); err != nil { // before any commit is in force without them
			return fmt.Errorf("read virtual keys: %w", err)
		}
		group.Go(func() error { return keys.Run(inner, func(t source.Tree) { r.nextKeys(inner, t) }) })
	}
	group.Go(func() error { return src.Run(inner, func(t source.Tree) { r.nextTree(inner, t) }) })
	err := group.Wait()
	if ctx.Err() != nil {
		return nil // a first load cut short by the end is no failure
	}
	return err
}

// publish rolls a tree out, or says why not.
func (s Service) publish(ctx context.Context, log *slog.Logger, server *ads.Server, tree source.Tree) {
	snap, mistakes := snapshot.Build(tree, s.Options)
	if len(mistakes) > 0 {
		texts := make([]string, len(mistakes))
		for i, m := range mistakes {
			texts[i] = m.Error()
			log.Error("policy error", "commit", tree.Commit, "error", texts[i])
		}
		server.Reject(tree.Commit, texts)
		return
	}
	began := time.Now()
	if err := server.Publish(ctx, snap); err != nil && !errors.Is(err, context.Canceled) {
		log.Error("commit not in force", "error", err)
		return
	}
	log.Info("commit in force", "commit", tree.Commit, "version", snap.Version, "took", time.Since(began).Round(time.Millisecond))
}

func (s Service) serveStatus(ctx context.Context, src *source.Source, server *ads.Server, reg *prometheus.Registry) error {
	if s.Status == "" {
		return nil
	}
	l, err := socket.Listen(s.Status)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.Handle("/", status.Handler(func() status.Status {
		st, from := server.Status(), status.Source(src.Status())
		st.Source = &from
		return st
	}))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve status on %s: %w", s.Status, err)
	}
	return nil
}

// Loaded is one commit, read and found sound.
type Loaded struct {
	Commit    string
	Listeners []Listener // sorted by name
	Targets   []Target
	Warnings  manifest.Errors // what is allowed and hardly meant
	policies  int
	access    int
	pins      int
	secrets   []string

	certificates []string // folders
}

// Listener is where agents connect.
type Listener struct {
	Name, Address string // host:port; port 0 is one that the kernel is yet to choose
	TLS           bool
}

// Target is a provider or an MCP server.
type Target struct {
	Name string
	Kind string // the provider's dialect, or "mcp"
	Path string // where it is served on every listener
}

// Secret is a credential that a provider wants.
type Secret struct{ Name, Variable string }

// Load reads the repository once. Mistakes in it are manifest.Errors.
func (r Repository) Load(ctx context.Context, opt snapshot.Options) (*Loaded, error) {
	r.Log = nil // what goes wrong is returned
	src, err := r.open()
	if err != nil {
		return nil, err
	}
	tree, err := src.Load(ctx)
	if err != nil {
		return nil, err
	}
	snap, mistakes := snapshot.Build(tree, opt)
	if err := mistakes.Err(); err != nil {
		return nil, err
	}
	return loaded(snap), nil
}
