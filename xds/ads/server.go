package ads

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretv3 "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/delta/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	state "bartizan/xds/status"
)

// Times and sizes of the server.
const (
	DefaultAckTimeout = 10 * time.Second // how long a rollout waits for one class of nodes

	minPing      = 15 * time.Second // between a client's pings
	pingAfter    = 30 * time.Second // a silent client is asked after this,
	pingTimeout  = 5 * time.Second  // and taken for dead after this
	drainTimeout = 5 * time.Second
	maxRecvBytes = 32 << 20
	maxStreams   = 16 // of one connection; a node needs one
)

// Options of a server. The zero value serves in the clear, with the default timeout, silently.
type Options struct {
	AckTimeout time.Duration         // 0: DefaultAckTimeout
	GRPC       []grpc.ServerOption   // transport credentials
	Logger     *slog.Logger          // nil: silent
	Registerer prometheus.Registerer // nil: metrics are not exposed
}

// Server serves commits to nodes. New makes one.
type Server struct {
	options   Options
	log       *slog.Logger
	metrics   *metrics
	ledger    *ledger
	cache     cache.SnapshotCache
	listeners atomic.Int64

	turn sync.Mutex // held by the rollout that is under way

	mu        sync.Mutex
	supersede context.CancelCauseFunc // ends the waiting of the rollout begun last
	live      *release
	since     time.Time
	target    *release
	rollout   *state.Rollout
	rejected  *state.Rejection

	envoyHas resources // what Envoy is served now; guarded by turn
}

// New returns a server that serves nothing yet.
func New(o Options) *Server {
	if o.AckTimeout == 0 {
		o.AckTimeout = DefaultAckTimeout
	}
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	m := newMetrics(o.Registerer)
	return &Server{
		options: o, log: log, metrics: m, ledger: newLedger(log, m),
		cache: cache.NewSnapshotCache(true, byClass{}, nil), // ADS: responses go out in the order of types that Envoy wants
	}
}

// Serve accepts nodes until ctx ends, then ends their streams and returns nil. It may be called for several listeners, and owns
// the one that it is given.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g := grpc.NewServer(s.grpcOptions()...)
	discovery.RegisterAggregatedDiscoveryServiceServer(g, s.service(ctx))
	secretv3.RegisterSecretDiscoveryServiceServer(g, s.secrets(ctx))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		drain(g)
	}()
	err := g.Serve(l)
	cancel()
	<-stopped
	if err != nil && !errors.Is(err, grpc.ErrServerStopped) { // stopped before it began
		return fmt.Errorf("serve xDS on %s: %w", l.Addr(), err)
	}
	return nil
}

func (s *Server) grpcOptions() []grpc.ServerOption {
	return append([]grpc.ServerOption{
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPing, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingAfter, Timeout: pingTimeout}),
		grpc.MaxRecvMsgSize(maxRecvBytes),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.StreamInterceptor(admit),
	}, s.options.GRPC...)
}

// drain waits for streams to end, which their context has told them to do, and cuts those that do not.
func drain(g *grpc.Server) {
	timer := time.AfterFunc(drainTimeout, g.Stop)
	defer timer.Stop()
	g.GracefulStop()
}

// service is the gRPC service of one listener. State-of-the-world streams are not served.
type service struct {
	discovery.UnimplementedAggregatedDiscoveryServiceServer
	delta delta.Server
}

func (s *Server) service(ctx context.Context) service {
	return service{delta: delta.NewServer(ctx, s.cache, callbacks{s.ledger, s.listeners.Add(1)})}
}

// DeltaAggregatedResources serves one node.
func (s service) DeltaAggregatedResources(str discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	return s.delta.DeltaStreamHandler(str, resource.AnyType)
}

// callbacks carry what happens on the streams of one listener to the ledger.
type callbacks struct {
	ledger   *ledger
	listener int64
}

var _ delta.Callbacks = callbacks{}

// OnDeltaStreamOpen does nothing: a node is known with its first request.
func (c callbacks) OnDeltaStreamOpen(context.Context, int64, string) error { return nil }

// OnDeltaStreamClosed forgets the stream.
func (c callbacks) OnDeltaStreamClosed(id int64, _ *core.Node) {
	c.ledger.closed(stream{c.listener, id})
}

// OnStreamDeltaRequest notes a subscription, an ACK or a NACK; its error ends the stream.
func (c callbacks) OnStreamDeltaRequest(id int64, req *discovery.DeltaDiscoveryRequest) error {
	return c.ledger.request(stream{c.listener, id}, req)
}

// OnStreamDeltaResponse notes a response before it is sent, so before it can be answered.
func (c callbacks) OnStreamDeltaResponse(id int64, _ *discovery.DeltaDiscoveryRequest, resp *discovery.DeltaDiscoveryResponse) {
	c.ledger.response(stream{c.listener, id}, resp)
}
