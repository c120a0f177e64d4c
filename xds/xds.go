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
	"net/http"
	"sync"
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
	"bartizan/xds/webhook"
)

// Service is the control server.
type Service struct {
	Repository Repository
	Options    snapshot.Options
	Listen     string       // delta ADS: "unix:/path" or "host:port"
	Trust      socket.Trust // for TCP
	Status     string       // status, metrics and health over HTTP: "unix:/path" or "host:port"

	Webhook       string // where a forge tells of new commits, "host:port"; empty: nowhere
	WebhookSecret string // file of the secret that it shares with us
}

// Run serves until ctx ends. A repository that cannot be read yet is waited for: until then the service is not ready, and nodes go on
// with what they have. The first commit may be wrong, and a later one right.
func (s Service) Run(ctx context.Context) error {
	log := s.Repository.log()
	src, err := s.Repository.open()
	if err != nil {
		return err
	}
	keys, err := s.Repository.openKeys()
	if err != nil {
		return err
	}
	hook := webhook.Handler{SecretFile: s.WebhookSecret, Look: src.Look}
	if s.Webhook != "" {
		if err := hook.Validate(); err != nil {
			return err
		}
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
	group.Go(func() error { return socket.ServeHTTP(ctx, s.Status, s.status(src, server, reg)) })
	group.Go(func() error { return socket.ServeHTTP(ctx, s.Webhook, hook) })
	group.Go(func() error { s.follow(ctx, src, keys, server); return nil })
	return group.Wait()
}

// retry is how long a source that cannot be read at all is left alone.
const retry = 5 * time.Second

// follow publishes each tree, and the newest one again when the keys beside it change. A rollout that still waits for nodes is given up for
// the next one.
func (s Service) follow(ctx context.Context, src, keys *source.Source, server *ads.Server) {
	r := rollouts{publish: func(ctx context.Context, tree, keys source.Tree) {
		opt := s.Options
		opt.Keys = s.Repository.named(keys)
		s.publish(ctx, server, tree, opt)
	}}
	defer r.end()
	var followers sync.WaitGroup
	defer followers.Wait()
	if keys != nil {
		var err error
		for r.keys, err = keys.Load(ctx); err != nil; r.keys, err = keys.Load(ctx) { // before any commit is in force without them
			if !sleep(ctx, retry) {
				return
			}
		}
		followers.Go(func() { persist(ctx, keys, func(t source.Tree) { r.nextKeys(ctx, t) }) })
	}
	persist(ctx, src, func(t source.Tree) { r.nextTree(ctx, t) })
}

// persist follows a source until ctx ends. What is wrong with it the source says.
func persist(ctx context.Context, src *source.Source, yield func(source.Tree)) {
	for src.Run(ctx, yield) != nil && sleep(ctx, retry) {
	}
}

// sleep reports false when ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// publish rolls a tree out, or says why not.
func (s Service) publish(ctx context.Context, server *ads.Server, tree source.Tree, opt snapshot.Options) {
	log := s.Repository.log()
	snap, mistakes := snapshot.Build(tree, opt)
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

func (s Service) status(src *source.Source, server *ads.Server, reg *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.Handle("/", status.Handler(func() status.Status {
		st, from := server.Status(), status.Source(src.Status())
		st.Source = &from
		return st
	}))
	return mux
}

// Loaded is one commit, read and found sound.
type Loaded struct {
	Commit    string
	Listeners []Listener // sorted by name
	Targets   []Target
	Warnings  manifest.Errors // what is allowed and hardly meant
	policies  int
	access    int
	models    int
	pins      int
	secrets   []string

	certificates []string // folders
	aggregate    bool     // there is one endpoint for all MCP servers
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
	if keys, err := r.openKeys(); err != nil {
		return nil, err
	} else if keys != nil {
		listed, err := keys.Load(ctx)
		if err != nil {
			return nil, err
		}
		opt.Keys = r.named(listed)
	}
	snap, mistakes := snapshot.Build(tree, opt)
	if err := mistakes.Err(); err != nil {
		return nil, err
	}
	return loaded(snap), nil
}
