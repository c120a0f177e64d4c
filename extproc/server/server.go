package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	alsv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"bartizan/extproc/audit"
	"bartizan/extproc/bundle"
	"bartizan/extproc/sealed"
	"bartizan/extproc/stream"
	"bartizan/extproc/tries"
	"bartizan/filters"
)

// Auditor takes records. It is implemented by audit.Log.
type Auditor interface {
	// Admit says whether a further exchange can be recorded; an error refuses it.
	Admit() error
	// Append records r as its mode promises; it keeps no reference to r.
	Append(r *filters.Record, o audit.Options) error
	// AppendDurable returns once r cannot be lost any more.
	AppendDurable(ctx context.Context, r *filters.Record, o audit.Options) error
}

// Config is what a server needs. Zero values are the defaults that the comments name.
type Config struct {
	Instance   string                // unique per process: who is responsible for the record of an exchange
	Bundle     func() *bundle.Bundle // the bundle in force; nil: nothing can be decided yet
	Causes     stream.Causes         // shared with the other replicas
	Audit      Auditor
	Log        *slog.Logger
	Registry   prometheus.Registerer
	TLS        credentials.TransportCredentials // nil: plain, for Unix sockets
	Budget     int64                            // bytes of request bodies under judgement at once; 0: 1 GiB
	HeldBudget int64                            // bytes of answers held back at once, beyond 64 KiB each; 0: half of Budget
	Admission  time.Duration                    // longest wait for room in the budget; 0: 2 s
	Deadlines  Deadlines
	Sealed     *sealed.Key // shared with the aggregator; nil: there is none
}

// Deadlines bound how long a phase may take. Zero values are the defaults that the comments name. Envoy has timeouts of its own for
// the request and for the first byte, a little below ours; for the middle of an answer only ours ends it well-formed, and before
// Envoy's idle timeout does. Clients give up after 300 s of silence.
type Deadlines struct {
	RequestBody     time.Duration // from the request's headers to its body; 0: 6 min
	ResponseHeaders time.Duration // from the request to the first byte of its answer; 0: 11 min
	ResponseBody    time.Duration // between two parts of an answer; 0: 330 s
	Listening       time.Duration // the two before, where the client listens for what its server has to say by itself; 0: 1 h
	Closing         time.Duration // from the end of the exchange to the end of the stream; 0: 60 s
	Durable         time.Duration // for a record to become durable in strict mode; 0: 5 s
}

func (d Deadlines) withDefaults() Deadlines {
	set := func(v *time.Duration, def time.Duration) {
		if *v == 0 {
			*v = def
		}
	}
	set(&d.RequestBody, 6*time.Minute)
	set(&d.ResponseHeaders, 11*time.Minute)
	set(&d.ResponseBody, 330*time.Second)
	set(&d.Listening, time.Hour)
	set(&d.Closing, time.Minute)
	set(&d.Durable, 5*time.Second)
	return d
}

func (d Deadlines) of(m *stream.Machine) time.Duration {
	p := m.Phase()
	switch {
	case p == stream.AwaitRequestBody:
		return d.RequestBody
	case (p == stream.AwaitResponseHeaders || p == stream.AwaitResponseBody) && m.Listening():
		return d.Listening
	case p == stream.AwaitResponseHeaders:
		return d.ResponseHeaders
	case p == stream.AwaitResponseBody:
		return d.ResponseBody
	default:
		return d.Closing
	}
}

// Server is the inspection service.
type Server struct {
	extproc.UnimplementedExternalProcessorServer
	alsv3.UnimplementedAccessLogServiceServer

	cfg     Config
	stamp   *stream.Stamp
	budget  *semaphore.Weighted // of request bodies
	answers *semaphore.Weighted // of answers that are held back
	closing *closing
	tries   *tries.Table
	metrics *metrics
	health  *health.Server
	grpc    *grpc.Server

	running   running        // ext_proc streams
	receivers sync.WaitGroup // goroutines that read from a stream
	draining  atomic.Bool
	stopping  atomic.Bool   // the drain's time is up
	lag       time.Duration // accessLogLag
	quiet     chan struct{} // closed when access logs need not be listened to any more
}

// maxMessage bounds one gRPC message: the largest body that a bundle may ask to judge, Envoy's slack above it, and room for the
// headers.
const maxMessage = bundle.MaxRequestBytes + 3<<20

// accessLogLag is how long Envoy may keep its access log to itself; it flushes every 200 ms.
const accessLogLag = 500 * time.Millisecond

// Transport is how the service speaks gRPC, whatever it answers: the measurements give it to a processor that does nothing, so that
// both cost the same on the wire.
func Transport() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxConcurrentStreams(1 << 20), // the budget bounds memory; a stream that waits for its answer costs little
		// Small windows: a client that stops reading must not fill memory here or in Envoy (facts: slow readers).
		grpc.InitialWindowSize(64 << 10), grpc.InitialConnWindowSize(1 << 20),
		// An Envoy that is gone without a word would keep its streams, and what they hold, for hours.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 500 * time.Millisecond, PermitWithoutStream: true}),
	}
}

// New returns a server that is not serving yet.
func New(cfg Config) *Server {
	cfg.Deadlines = cfg.Deadlines.withDefaults()
	if cfg.Budget == 0 {
		cfg.Budget = 1 << 30
	}
	if cfg.HeldBudget == 0 {
		cfg.HeldBudget = cfg.Budget / 2
	}
	if cfg.Admission == 0 {
		cfg.Admission = 2 * time.Second
	}
	s := &Server{
		cfg: cfg, stamp: stream.NewStamp(cfg.Instance), budget: semaphore.NewWeighted(cfg.Budget),
		answers: semaphore.NewWeighted(cfg.HeldBudget), metrics: newMetrics(cfg.Registry), health: health.NewServer(), quiet: make(chan struct{}),
		tries: tries.New(time.Now), lag: accessLogLag,
	}
	s.closing = newClosing(s.appendRecord, cfg.Instance, cfg.Bundle)
	opts := Transport()
	if cfg.TLS != nil {
		opts = append(opts, grpc.Creds(cfg.TLS))
	}
	s.grpc = grpc.NewServer(opts...)
	extproc.RegisterExternalProcessorServer(s.grpc, s)
	alsv3.RegisterAccessLogServiceServer(s.grpc, s)
	healthpb.RegisterHealthServer(s.grpc, s.health)
	s.health.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING)
	return s
}

// SetServing tells health checks whether this replica can decide.
func (s *Server) SetServing(serving bool) {
	state := healthpb.HealthCheckResponse_NOT_SERVING
	if serving && !s.draining.Load() {
		state = healthpb.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus("", state)
}

// Serve accepts streams until Drain.
func (s *Server) Serve(l net.Listener) error {
	if err := s.grpc.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve ext_proc on %s: %w", l.Addr(), err)
	}
	return nil
}

// Drain lets running exchanges end until ctx does, breaks off the rest, and returns when all are recorded. It is called once.
func (s *Server) Drain(ctx context.Context) {
	s.draining.Store(true)
	s.health.Shutdown()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.grpc.GracefulStop() // waits for every stream, those of access logs too
	}()
	s.hush(ctx, stopped)
	select {
	case <-stopped:
	case <-ctx.Done():
		s.stopping.Store(true)
		s.grpc.Stop()
		<-stopped
	}
	s.receivers.Wait()
	s.closing.flush()
}

// hush ends the streams of access logs, which Envoy never does, once all exchanges have ended and Envoy has told of them.
func (s *Server) hush(ctx context.Context, stopped <-chan struct{}) {
	defer close(s.quiet)
	select {
	case <-s.running.none():
	case <-stopped:
	case <-ctx.Done():
	}
	lag := time.NewTimer(s.lag)
	defer lag.Stop()
	select {
	case <-lag.C:
	case <-stopped:
	case <-ctx.Done():
	}
}

func (s *Server) appendRecord(o audit.Options, r *filters.Record) {
	s.metrics.exchange(r)
	err := errors.New("panic")
	s.guard(func() { err = s.cfg.Audit.Append(r, o) })
	if err != nil {
		s.metrics.unrecorded.Inc()
		s.cfg.Log.Error("exchange ended without its record", "decision", r.Exchange.ID, "error", err)
	}
}

// guard runs f and reports whether it panicked: that is counted, and the service lives.
func (s *Server) guard(f func()) (panicked bool) {
	defer func() {
		if p := recover(); p != nil {
			panicked = true
			s.metrics.panics.Inc()
			s.cfg.Log.Error("a panic was contained", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	f()
	return false
}

// receive hands on messages one at a time; the next is read only when the last was taken, so that HTTP/2 flow control holds Envoy
// back. It returns why no more come.
func receive[T any](ctx context.Context, recv func() (T, error), in chan<- T) error {
	for {
		msg, err := recv()
		if err != nil {
			return err
		}
		select {
		case in <- msg:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
