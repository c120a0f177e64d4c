package ads

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// maxNodes bounds the streams that are served at once.
const maxNodes = 4096

// ledger knows what each connected node has.
type ledger struct {
	log     *slog.Logger
	metrics *metrics

	mu      sync.Mutex
	nodes   map[stream]*node
	changed chan struct{} // closed and replaced at every change
}

// stream names one stream: go-control-plane numbers those of one listener.
type stream struct {
	listener int64
	id       int64
}

func newLedger(log *slog.Logger, m *metrics) *ledger {
	return &ledger{log: log, metrics: m, nodes: map[stream]*node{}, changed: make(chan struct{})}
}

// wake tells everyone who awaits something. The lock is held.
func (l *ledger) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// request takes a request of a node into account. An error ends that node's stream.
func (l *ledger) request(id stream, req *discovery.DeltaDiscoveryRequest) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.node(id, req)
	if err != nil {
		return err
	}
	if n.types[req.GetTypeUrl()] == nil && !serves(n.class, req.GetTypeUrl()) {
		l.log.Warn("type is not served to this node", "node", n.id, "type", cut(req.GetTypeUrl()))
	}
	h, err := n.subscribe(req)
	if err != nil {
		return err
	}
	if h.answer(req, time.Now().UTC()) {
		l.answered(n, h, req)
	}
	l.wake()
	return nil
}

// node finds the node of a stream, or admits it by its first request, the only one that must carry the node's id.
func (l *ledger) node(id stream, req *discovery.DeltaDiscoveryRequest) (*node, error) {
	name := req.GetNode().GetId()
	if n := l.nodes[id]; n != nil {
		if req.GetNode() != nil && name != n.id {
			return nil, status.Error(codes.InvalidArgument, "the node id changed in mid-stream")
		}
		return n, nil
	}
	c, ok := classOf(name)
	if !ok {
		return nil, status.Errorf(codes.InvalidArgument, "node id: want envoy/<name> or extproc/<name>, at most %d bytes", maxNodeID)
	}
	if len(l.nodes) == maxNodes {
		return nil, status.Errorf(codes.ResourceExhausted, "more than %d nodes", maxNodes)
	}
	n := &node{id: name, class: c, connected: time.Now().UTC(), types: map[string]*held{}}
	l.nodes[id] = n
	l.metrics.nodes.WithLabelValues(string(c)).Inc()
	l.log.Info("node connected", "node", name)
	return n, nil
}

func (l *ledger) answered(n *node, h *held, req *discovery.DeltaDiscoveryRequest) {
	typ := typeName(req.GetTypeUrl())
	if req.GetErrorDetail() == nil {
		l.metrics.acks.WithLabelValues(string(n.class), typ).Inc()
		return
	}
	l.metrics.nacks.WithLabelValues(string(n.class), typ).Inc()
	l.log.Warn("node refused resources", "node", n.id, "type", typ, "version", h.nack.Version, "detail", h.nack.Detail)
}

// response notes a response that is about to be sent.
func (l *ledger) response(id stream, resp *discovery.DeltaDiscoveryResponse) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.nodes[id]; n != nil && n.types[resp.GetTypeUrl()] != nil {
		n.types[resp.GetTypeUrl()].send(resp)
	}
}

// closed forgets a stream.
func (l *ledger) closed(id stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.nodes[id]
	if n == nil {
		return
	}
	delete(l.nodes, id)
	l.metrics.nodes.WithLabelValues(string(n.class)).Dec()
	l.log.Info("node disconnected", "node", n.id)
	l.wake()
}

// sorted returns the nodes by class, id and age. The lock is held.
func (l *ledger) sorted() []*node {
	return slices.SortedFunc(maps.Values(l.nodes), func(a, b *node) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.id, b.id), a.connected.Compare(b.connected))
	})
}

// await blocks until judge, asked again at every change, says that it is done or returns an error, or until ctx ends; then it
// returns the context's cause.
func (l *ledger) await(ctx context.Context, judge func([]*node) (bool, error)) error {
	for {
		l.mu.Lock()
		done, err := judge(l.sorted())
		changed := l.changed
		l.mu.Unlock()
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
}

// live counts the nodes that have all of a release.
func (l *ledger) live(r *release) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	count := 0
	for _, n := range l.nodes {
		if n.live(r) {
			count++
		}
	}
	return count
}
