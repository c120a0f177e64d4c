package aggregate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"bartizan/extproc/sealed"
)

// Config is what a service needs. Numbers that are 0 have the defaults that the comments name.
type Config struct {
	Gate     string                       // the Unix socket on which Envoy hears the aggregator
	Sealed   *sealed.Key                  // that of extproc
	Servers  func(sealed.Caller) []string // those that a caller may see, sorted
	Log      *slog.Logger
	Registry prometheus.Registerer
	Sessions int           // of clients, at once; 0: 4,096, of which one caller may have an eighth
	Peers    int           // servers that are known for clients without sessions; 0: 4,096, of which one caller may have an eighth
	Parked   int           // calls that wait for a client's next request; 0: 512, of which one caller may have an eighth
	Idle     time.Duration // a session, a known server that nobody uses; 0: 30 min
	Body     int64         // bytes of a client's message; 0: 128 MiB, the most that extproc lets through
}

func (c Config) withDefaults() Config {
	set := func(n *int, def int) {
		if *n == 0 {
			*n = def
		}
	}
	set(&c.Sessions, 4096)
	set(&c.Peers, 4096)
	set(&c.Parked, 512)
	if c.Idle == 0 {
		c.Idle = 30 * time.Minute
	}
	if c.Body == 0 {
		c.Body = 128 << 20
	}
	return c
}

// share is the part of what is bounded that one caller may have.
func share(n int) int { return max(n/8, 1) }

type metrics struct {
	absent   *prometheus.CounterVec
	sessions prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) metrics {
	factory := promauto.With(reg)
	return metrics{
		absent: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "bartizan_aggregate_absent_total", Help: "Lists and greetings from which a server was missing.",
		}, []string{"server"}),
		sessions: factory.NewGauge(prometheus.GaugeOpts{Name: "bartizan_aggregate_sessions", Help: "Sessions of clients."}),
	}
}

// Service is the endpoint.
type Service struct {
	cfg      Config
	gate     *gate
	metrics  metrics
	http     *http.Server
	sessions table[*session]
	peers    table[*pooled]
	parked   table[*parked]
	stop     chan struct{} // closed when streams have to end
	ending   sync.Once
	tidying  sync.WaitGroup
	calls    sync.WaitGroup // that outlive the request they came with
}

// New returns a service that can be served.
func New(cfg Config) *Service {
	cfg = cfg.withDefaults()
	s := &Service{cfg: cfg, gate: newGate(strings.TrimPrefix(cfg.Gate, "unix:"), cfg.Sealed), metrics: newMetrics(cfg.Registry), stop: make(chan struct{})}
	s.sessions.limit, s.sessions.share = cfg.Sessions, share(cfg.Sessions)
	s.peers.limit, s.peers.share = cfg.Peers, share(cfg.Peers)
	s.parked.limit, s.parked.share = cfg.Parked, share(cfg.Parked)
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	return s
}

// Serve takes connections until Drain.
func (s *Service) Serve(l net.Listener) error {
	s.tidying.Go(s.tidy)
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the endpoint for all MCP servers: %w", err)
	}
	return nil
}

// Drain ends streams at once and lets requests end until ctx does.
func (s *Service) Drain(ctx context.Context) {
	s.ending.Do(func() { close(s.stop) })
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
	for _, x := range s.sessions.drop(func(*session) bool { return true }) {
		x.stop()
	}
	for _, p := range s.parked.drop(func(*parked) bool { return true }) {
		p.cancel()
	}
	s.tidying.Wait()
	s.calls.Wait()
	s.gate.client.CloseIdleConnections()
}

// tidy ends what nobody uses any more.
func (s *Service) tidy() {
	ticks := time.NewTicker(min(s.cfg.Idle/4, time.Minute))
	defer ticks.Stop()
	for {
		select {
		case <-s.stop:
			return
		case now := <-ticks.C:
			before := now.Add(-s.cfg.Idle).Unix()
			for _, x := range s.sessions.drop(func(x *session) bool { return x.idleSince(before) }) {
				s.end(x)
			}
			for _, p := range s.peers.drop(func(p *pooled) bool { return p.used.Load() < before }) {
				p.leave(context.Background(), p.origin)
			}
		}
	}
}

// ServeHTTP answers one request of a client. Envoy lets none through that extproc has not seen and sealed.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	caller, ok := s.cfg.Sealed.OpenCaller(sealed.ToAggregator, r.Header.Get(sealed.CallerHeader), time.Now())
	if !ok {
		plain(w, http.StatusForbidden, "the gateway has not said who calls")
		return
	}
	o := origin{caller, inherited(r.Header)}
	switch {
	case r.Method == http.MethodPost:
		s.post(w, r, o)
	case r.Header.Get(headerVersion) >= modern:
		plain(w, http.StatusMethodNotAllowed, "in "+modern+" there is only POST")
	case r.Method == http.MethodGet:
		s.get(w, r, o)
	default:
		s.delete(w, r, o)
	}
}

func (s *Service) post(w http.ResponseWriter, r *http.Request, o origin) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.cfg.Body))
	if err != nil {
		return // the client has left, or extproc would have refused
	}
	m, err := readMessage(body)
	if err != nil {
		plain(w, http.StatusBadRequest, err.Error())
		return
	}
	out := &reply{w: w, id: m.id}
	if r.Header.Get(headerVersion) >= modern {
		s.postModern(r.Context(), out, o, m)
		return
	}
	if m.method == "initialize" {
		s.initialize(r.Context(), out, o, m)
		return
	}
	x, ok := s.session(w, r, o)
	if !ok {
		return
	}
	defer x.begin()()
	switch {
	case m.isNotification():
		x.hear(r.Context(), o, m)
		w.WriteHeader(http.StatusAccepted)
	case m.method == "":
		x.answered(m)
		w.WriteHeader(http.StatusAccepted)
	default:
		x.serve(r.Context(), out, o, m)
	}
}
