// Package extproc is the inspection service, put together: it follows the control server (package bundle), judges each exchange
// that Envoy hands it (server, stream) and records the decision (audit).
//
// [Config.Run] is the whole service. It fails closed: without a bundle or without room for records it refuses, and it never lets a stream
// end well before its exchange has. It holds no provider credential.
package extproc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"bartizan/envoy/socket"
	"bartizan/extproc/aggregate"
	"bartizan/extproc/audit"
	"bartizan/extproc/audit/stream"
	"bartizan/extproc/bundle"
	"bartizan/extproc/cause/share"
	"bartizan/extproc/sealed"
	"bartizan/extproc/server"
	"bartizan/filters"
)

// Config is what the service needs. Addresses are "unix:/path" or "host:port".
type Config struct {
	NodeID        string        // unique per replica; the control server knows it as "extproc/<NodeID>"
	Version       string        // of the product, for records
	Listen        string        // where Envoy comes
	ControlServer string        // where bundles come from
	Trust         socket.Trust  // for both, where they are TCP
	Aggregator    string        // where the MCP aggregator serves, a Unix socket; empty: there is none
	Gate          string        // where Envoy hears the aggregator, a Unix socket
	StateDir      string        // the audit log and the last good bundle; owned by one replica
	NATS          stream.Server // where records go
	Stream        stream.Config // of the records, where it is not there yet
	Admin         string        // metrics and health over HTTP; empty: none
	Probes        string        // health, and the lifecycle of the pod's gateway, for the kubelet alone; empty: none
	EnvoyAdmin    string        // path of the admin socket of this pod's Envoy; empty: it is not ours to manage
	Settle        time.Duration // how long clients may still come after a drain of the gateway began
	Drain         time.Duration // how long running exchanges may take to end; 0: 20 s
	Budget        int64         // bytes of request bodies under judgement; 0: see server.Config
	Log           *slog.Logger
	Ready         func() // called once the service can decide; may be nil
}

// Validate reports everything that is missing.
func (c Config) Validate() error {
	var errs []error
	for _, f := range []struct{ name, value string }{
		{"node id", c.NodeID}, {"listen address", c.Listen}, {"control server", c.ControlServer}, {"state directory", c.StateDir},
	} {
		if f.value == "" {
			errs = append(errs, fmt.Errorf("extproc: no %s", f.name))
		}
	}
	if err := c.NATS.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("extproc: %w", err))
	}
	for _, address := range []string{c.Listen, c.ControlServer} {
		if err := c.Trust.Validate(); address != "" && !socket.IsUnix(address) && err != nil {
			errs = append(errs, fmt.Errorf("extproc: %s: %w", address, err))
		}
	}
	if c.Aggregator != "" && (!socket.IsUnix(c.Aggregator) || !socket.IsUnix(c.Gate)) {
		errs = append(errs, errors.New("extproc: the aggregator and Envoy meet on Unix sockets: name both, aggregator and gate, as unix:/path"))
	}
	return errors.Join(errs...)
}

// heapFloor is held and never touched, so that it takes address space and no memory. It lets the garbage collector wait until as much
// again is garbage: this service keeps next to nothing between exchanges, and would be collecting a sixth of its time (test/load).
const heapFloor = 64 << 20

// Run serves until ctx ends, then lets running exchanges end, brings the records to NATS, and returns.
func (c Config) Run(ctx context.Context) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if c.Drain == 0 {
		c.Drain = 20 * time.Second
	}
	floor := make([]byte, heapFloor)
	defer runtime.KeepAlive(floor)
	if err := os.MkdirAll(c.StateDir, 0o700); err != nil {
		return fmt.Errorf("make state directory: %w", err)
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	nc, err := c.NATS.Connect(c.Log)
	if err != nil {
		return err
	}
	defer nc.Close()
	log, err := audit.Open(audit.Config{Dir: c.StateDir + "/audit", Version: c.Version, Conn: nc, Stream: c.Stream, Registerer: reg, Logger: c.Log})
	if err != nil {
		return fmt.Errorf("open audit log: %w", err)
	}
	err = c.serve(ctx, log, nc, reg)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, log.Close(drain))
}

// serve runs everything that stands on the audit log.
func (c Config) serve(ctx context.Context, log *audit.Log, nc *nats.Conn, reg *prometheus.Registry) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	creds, err := c.Trust.Credentials(c.Listen, c.Log)
	if err != nil {
		return err
	}
	listener, err := socket.Listen(c.Listen)
	if err != nil {
		return err
	}
	client := bundle.NewClient("extproc/"+c.NodeID, bundle.Store{Dir: c.StateDir}, c.Log, reg)
	instance, key := uuid.NewString(), sealed.NewKey()
	causes, err := share.Join(share.Config{Instance: instance, Conn: nc, Log: c.Log, Registry: reg})
	if err != nil {
		return err
	}
	srv := server.New(server.Config{
		Instance: instance, Bundle: client.Current, Causes: causes, Audit: log, Log: c.Log, Registry: reg, TLS: creds, Budget: c.Budget, Sealed: key,
	})
	probes, err := newProbes(c, log.Err, decides(client))
	if err != nil {
		return err
	}
	defer probes.close()

	group, ctx := errgroup.WithContext(ctx)
	if err := c.aggregate(ctx, group, client, aggregate.Config{Gate: c.Gate, Sealed: key, Log: c.Log, Registry: reg}); err != nil {
		return err
	}
	group.Go(func() error { return client.Run(ctx, conn) })
	group.Go(func() error { return srv.Serve(listener) })
	group.Go(func() error { c.announce(ctx, client, srv); return nil })
	group.Go(func() error { c.drain(ctx, srv.Drain); return nil })
	probes.serve(ctx, group, reg)
	return group.Wait()
}

// decides says why nothing can be judged yet.
func decides(client *bundle.Client) func() error {
	return func() error {
		if client.Current() == nil {
			return errors.New("no bundle yet")
		}
		return nil
	}
}

// announce says that the service judges, once it can.
func (c Config) announce(ctx context.Context, client *bundle.Client, srv *server.Server) {
	select {
	case <-client.Ready():
	case <-ctx.Done():
		return
	}
	srv.SetServing(true)
	c.Log.Info("judging", "listen", c.Listen, "commit", client.Current().Commit)
	if c.Ready != nil {
		c.Ready()
	}
}

// drain waits for the end of ctx, and then lets what runs end in the time for that.
func (c Config) drain(ctx context.Context, end func(context.Context)) {
	<-ctx.Done()
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.Drain)
	defer cancel()
	end(within)
}

// aggregate serves the endpoint for all MCP servers, which Envoy hands to it and which comes back through Envoy.
func (c Config) aggregate(ctx context.Context, group *errgroup.Group, client *bundle.Client, conf aggregate.Config) error {
	if c.Aggregator == "" {
		return nil
	}
	listener, err := socket.Listen(c.Aggregator)
	if err != nil {
		return err
	}
	conf.Servers = func(c sealed.Caller) []string {
		b := client.Current()
		if b == nil {
			return nil
		}
		x := &filters.Exchange{ID: c.Exchange, Identity: c.Identity}
		x.Request.SourceIP = c.SourceIP
		return b.Servers(x)
	}
	service := aggregate.New(conf)
	group.Go(func() error { return service.Serve(listener) })
	group.Go(func() error { c.drain(ctx, service.Drain); return nil })
	return nil
}

func (c Config) dial() (*grpc.ClientConn, error) {
	creds, err := c.Trust.Credentials(c.ControlServer, c.Log)
	if err != nil {
		return nil, err
	}
	if creds == nil {
		creds = insecure.NewCredentials()
	}
	retry := backoff.DefaultConfig
	retry.MaxDelay = bundle.MaxBackoff // gRPC's own is two minutes: so long a commit would wait for a control server that is back
	conn, err := grpc.NewClient(c.ControlServer, grpc.WithTransportCredentials(creds),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: retry, MinConnectTimeout: bundle.MaxBackoff}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 5 * time.Second, PermitWithoutStream: true}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(32<<20)))
	if err != nil {
		return nil, fmt.Errorf("connect to control server %s: %w", c.ControlServer, err)
	}
	return conn, nil
}
