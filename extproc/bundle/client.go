package bundle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"bartizan/filters/llm"
	"bartizan/xds/bundlepb"
)

// MaxBackoff is the longest wait between two tries to reach the control server. The first is minBackoff; each is twice the one
// before, with jitter.
const (
	MaxBackoff = 10 * time.Second
	minBackoff = 200 * time.Millisecond
)

// Client follows the bundle of a control server. Its zero value is not usable; see NewClient.
type Client struct {
	nodeID  string
	store   Store
	log     *slog.Logger
	metrics *metrics
	memory  *Memory

	current atomic.Pointer[Bundle]
	ready   chan struct{} // closed once a bundle is in force
}

// NewClient returns a client that already decides with the last good bundle of store, where there is one.
func NewClient(nodeID string, store Store, log *slog.Logger, reg prometheus.Registerer) *Client {
	c := &Client{nodeID: nodeID, store: store, log: log, metrics: newMetrics(reg), memory: NewMemory(), ready: make(chan struct{})}
	c.restore()
	return c
}

// Current is the bundle in force; nil before the first one.
func (c *Client) Current() *Bundle { return c.current.Load() }

// Ready is closed once a bundle is in force.
func (c *Client) Ready() <-chan struct{} { return c.ready }

func (c *Client) restore() {
	pb, err := c.store.Load()
	switch {
	case err != nil:
		c.log.Warn("the bundle on disk cannot be used", "error", err)
	case pb != nil:
		b, err := c.compile(pb)
		if err != nil {
			c.log.Warn("the bundle on disk cannot be used", "error", err)
			return
		}
		c.log.Info("decide by the last good bundle until the control server answers", "commit", b.Commit)
		c.use(b)
	}
}

func (c *Client) use(b *Bundle) {
	first := c.current.Swap(b) == nil
	c.metrics.inForce(b)
	if first {
		close(c.ready)
	}
}

// Run follows the control server behind conn until ctx ends. Whatever happens to the server, the current bundle stays.
func (c *Client) Run(ctx context.Context, conn grpc.ClientConnInterface) error {
	backoff := minBackoff
	for {
		began := time.Now()
		err := c.follow(ctx, conn)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > MaxBackoff {
			backoff = minBackoff
		}
		c.metrics.connected.Set(0)
		c.log.Warn("the control server is away: the bundle in force stays", "error", err, "retry_in", backoff)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(backoff/2 + rand.N(backoff/2+1)): //nolint:gosec // jitter needs no secrecy
		}
		backoff = min(2*backoff, MaxBackoff)
	}
}

// follow holds one delta ADS stream.
func (c *Client) follow(ctx context.Context, conn grpc.ClientConnInterface) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := discovery.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx, grpc.WaitForReady(true))
	if err != nil {
		return fmt.Errorf("open delta ADS stream: %w", err)
	}
	subscribe := &discovery.DeltaDiscoveryRequest{
		Node: &corev3.Node{Id: c.nodeID, Cluster: "bartizan"}, TypeUrl: TypeURL, ResourceNamesSubscribe: []string{Resource},
	}
	if b := c.Current(); b != nil {
		subscribe.InitialResourceVersions = map[string]string{Resource: b.Version}
	}
	if err := stream.Send(subscribe); err != nil {
		return fmt.Errorf("subscribe to the bundle: %w", err)
	}
	c.metrics.connected.Set(1)
	for {
		resp, err := stream.Recv()
		if err != nil {
			return fmt.Errorf("receive the bundle: %w", err)
		}
		answer := &discovery.DeltaDiscoveryRequest{TypeUrl: TypeURL, ResponseNonce: resp.GetNonce()}
		if err := c.apply(resp); err != nil {
			c.metrics.nacks.Inc()
			c.log.Error("bundle refused: the one in force stays", "error", err)
			answer.ErrorDetail = &status.Status{Code: int32(codes.InvalidArgument), Message: strings.ToValidUTF8(err.Error(), "\uFFFD")}
		}
		if err := stream.Send(answer); err != nil {
			return fmt.Errorf("acknowledge the bundle: %w", err)
		}
	}
}

// compile takes a panic for an error: a bundle must not end the service, and come back with every restart.
func (c *Client) compile(pb *bundlepb.Bundle) (b *Bundle, err error) {
	defer func() {
		if p := recover(); p != nil {
			b, err = nil, fmt.Errorf("bundle %s: compile panicked: %v", pb.GetVersion(), p)
		}
	}()
	return CompileFor(pb, llm.Codec, c.memory)
}

// apply puts the bundle of a response in force, or says why not. A removal is refused: without rules nothing can be decided.
func (c *Client) apply(resp *discovery.DeltaDiscoveryResponse) error {
	if len(resp.GetRemovedResources()) > 0 {
		return errors.New("the bundle was removed: the one in force stays")
	}
	for _, r := range resp.GetResources() {
		pb := new(bundlepb.Bundle)
		if err := r.GetResource().UnmarshalTo(pb); err != nil {
			return fmt.Errorf("decode bundle: %w", err)
		}
		b, err := c.compile(pb)
		if err != nil {
			return err
		}
		if err := c.store.Save(pb); err != nil {
			c.log.Warn("bundle in force, but not kept on disk", "error", err)
		}
		c.use(b)
		c.log.Info("bundle in force", "commit", b.Commit, "version", b.Version)
	}
	return nil
}
