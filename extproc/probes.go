package extproc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"bartizan/envoy/admin"
	"bartizan/envoy/socket"
)

// askTime bounds one question to a service of this pod.
const askTime = 2 * time.Second

// probes answer whoever manages the pod. That the process lives depends on nothing but its own disk; that it is ready, on having a bundle
// and judging by it; neither on NATS, Git or the control server.
type probes struct {
	config  Config
	alive   func() error // nil while the process can work, or will by itself
	decides func() error // nil while there is a bundle to judge by
	envoy   *admin.Client
	self    *grpc.ClientConn
}

func newProbes(c Config, alive, decides func() error) (*probes, error) {
	p := &probes{config: c, alive: alive, decides: decides}
	if c.EnvoyAdmin != "" {
		p.envoy = admin.New(c.EnvoyAdmin)
	}
	if socket.IsUnix(c.Listen) {
		var err error
		if p.self, err = grpc.NewClient(c.Listen, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
			return nil, fmt.Errorf("probe %s: %w", c.Listen, err)
		}
	}
	return p, nil
}

func (p *probes) close() {
	if p.envoy != nil {
		p.envoy.Close()
	}
	if p.self != nil {
		p.self.Close()
	}
}

// serve answers at the addresses of the configuration until ctx ends, with the service's metrics beside its health.
func (p *probes) serve(ctx context.Context, group *errgroup.Group, reg *prometheus.Registry) {
	metrics, lifecycle := http.NewServeMux(), http.NewServeMux()
	metrics.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	p.health(metrics)
	p.health(lifecycle)
	p.lifecycle(lifecycle)
	group.Go(func() error { return socket.ServeHTTP(ctx, p.config.Admin, metrics) })
	group.Go(func() error { return socket.ServeHTTP(ctx, p.config.Probes, lifecycle) })
}

// health serves what is safe to ask from anywhere.
func (p *probes) health(mux *http.ServeMux) {
	mux.Handle("GET /healthz", answer(func(context.Context) error { return p.alive() }))
	mux.Handle("GET /readyz", answer(p.ready))
}

// lifecycle serves what is for the kubelet alone, since a drain ends the pod's service.
func (p *probes) lifecycle(mux *http.ServeMux) {
	mux.Handle("GET /gateway", answer(func(ctx context.Context) error {
		if err := p.ready(ctx); err != nil {
			return err
		}
		return p.gateway(ctx)
	}))
	mux.HandleFunc("GET /drain", func(w http.ResponseWriter, r *http.Request) {
		within := p.config.Drain
		if seconds := r.FormValue("seconds"); seconds != "" {
			n, err := strconv.ParseUint(seconds, 10, 16)
			if err != nil {
				http.Error(w, "seconds: want a whole number", http.StatusBadRequest)
				return
			}
			within = time.Duration(n) * time.Second
		}
		answer(func(ctx context.Context) error { return p.drain(ctx, within) }).ServeHTTP(w, r)
	})
}

func answer(ask func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := ask(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
}

// ready says why this replica would not judge. It asks through its own socket, as Envoy would: a listener that is gone is not ready.
func (p *probes) ready(ctx context.Context) error {
	if err := errors.Join(p.alive(), p.decides()); err != nil || p.self == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	res, err := healthpb.NewHealthClient(p.self).Check(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		return fmt.Errorf("ask %s: %w", p.config.Listen, err)
	}
	if res.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		return errors.New("ext_proc does not serve")
	}
	return nil
}

// gateway says why the gateway of this pod would not serve: Envoy drains or has no listener, or does not reach us.
func (p *probes) gateway(ctx context.Context) error {
	if p.envoy == nil {
		return errors.New("the admin socket of Envoy is not named")
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if err := p.envoy.Ready(ctx); err != nil {
		return err
	}
	stats, err := p.envoy.Stats(ctx, `^listener_manager\.total_listeners_active$|^cluster\.extproc\.membership_healthy$`)
	if err != nil {
		return err
	}
	if stats["listener_manager.total_listeners_active"] == 0 {
		return errors.New("no listener of Envoy is active")
	}
	if stats["cluster.extproc.membership_healthy"] == 0 {
		return errors.New("the inspection service does not answer to Envoy")
	}
	return nil
}

// drain has Envoy's clients leave, and returns when they have or the time for it is up. From its beginning /gateway says no.
func (p *probes) drain(ctx context.Context, within time.Duration) error {
	if p.envoy == nil {
		return errors.New("the admin socket of Envoy is not named")
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	p.config.Log.Info("drain begins", "within", within, "settle", p.config.Settle)
	err := p.envoy.Drain(ctx, p.config.Settle)
	p.config.Log.Info("drain ended", "error", err)
	return err
}
