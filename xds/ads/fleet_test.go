package ads

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tls "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"bartizan/xds/bundlepb"
	"bartizan/xds/snapshot"
)

const patience = 20 * time.Second // of a test that would otherwise hang

// probe is a type that is served to nobody: its answer is empty, and shows that nothing was sent before it.
const probe = "type.googleapis.com/example.Probe"

// commit makes a snapshot of which everything depends on its name, but for what the arguments add: clusters.
func commit(name string, clusters ...string) *snapshot.Snapshot {
	s := &snapshot.Snapshot{Commit: name, Version: "v-" + name, Bundle: &bundlepb.Bundle{Commit: name}}
	s.Envoy.Listeners = []proto.Message{&listener.Listener{Name: "llm", StatPrefix: name}}
	s.Envoy.Routes = []proto.Message{&route.RouteConfiguration{Name: "llm", VirtualHosts: []*route.VirtualHost{{Name: name}}}}
	s.Envoy.Secrets = []proto.Message{&tls.Secret{Name: "key"}}
	for _, c := range clusters {
		s.Envoy.Clusters = append(s.Envoy.Clusters, &cluster.Cluster{Name: c})
	}
	return s
}

// start serves on a Unix socket and returns a way to reach it.
func start(t *testing.T, o Options) (*Server, func(id string) *client) {
	t.Helper()
	s := New(o)
	socket := filepath.Join(t.TempDir(), "xds.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(patience):
			t.Error("Serve does not end")
		}
	})
	return s, func(id string) *client { return dial(t, socket, id) }
}

// client is a node.
type client struct {
	t      *testing.T
	id     string
	conn   *grpc.ClientConn
	stream discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
	first  bool
}

func dial(t *testing.T, socket, id string) *client {
	t.Helper()
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	stream, err := discovery.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return &client{t: t, id: id, conn: conn, stream: stream, first: true}
}

func (c *client) send(req *discovery.DeltaDiscoveryRequest) {
	c.t.Helper()
	if c.first && req.Node == nil {
		req.Node = &core.Node{Id: c.id}
	}
	c.first = false
	if err := c.stream.Send(req); err != nil {
		c.t.Fatalf("%s: send: %v", c.id, err)
	}
}

func (c *client) subscribe(url string, names ...string) {
	c.t.Helper()
	c.send(&discovery.DeltaDiscoveryRequest{TypeUrl: url, ResourceNamesSubscribe: names})
}

// expect receives the next response, which must be of a type.
func (c *client) expect(url string) *discovery.DeltaDiscoveryResponse {
	c.t.Helper()
	resp, err := c.stream.Recv()
	if err != nil {
		c.t.Fatalf("%s: waiting for %s: %v", c.id, typeName(url), err)
	}
	if resp.GetTypeUrl() != url {
		c.t.Fatalf("%s: got %s %v -%v, want %s", c.id, resp.GetTypeUrl(), names(resp), resp.GetRemovedResources(), url)
	}
	return resp
}

func (c *client) ack(resp *discovery.DeltaDiscoveryResponse) {
	c.t.Helper()
	c.send(&discovery.DeltaDiscoveryRequest{TypeUrl: resp.GetTypeUrl(), ResponseNonce: resp.GetNonce()})
}

func (c *client) nack(resp *discovery.DeltaDiscoveryResponse, detail string) {
	c.t.Helper()
	c.send(&discovery.DeltaDiscoveryRequest{
		TypeUrl: resp.GetTypeUrl(), ResponseNonce: resp.GetNonce(), ErrorDetail: &rpcstatus.Status{Code: 3, Message: detail},
	})
}

// silent checks that nothing was sent that was not received yet. It works once a stream.
func (c *client) silent() {
	c.t.Helper()
	c.subscribe(probe, "*")
	c.expect(probe)
}

// bundle receives a bundle and returns its commit.
func (c *client) bundle() (string, *discovery.DeltaDiscoveryResponse) {
	c.t.Helper()
	resp := c.expect(BundleType)
	if len(resp.GetResources()) != 1 || resp.GetResources()[0].GetName() != BundleName {
		c.t.Fatalf("%s: got %v -%v, want a bundle", c.id, names(resp), resp.GetRemovedResources())
	}
	var b bundlepb.Bundle
	if err := resp.GetResources()[0].GetResource().UnmarshalTo(&b); err != nil {
		c.t.Fatal(err)
	}
	return b.GetCommit(), resp
}

// extproc connects a replica and waits until the server knows it.
func extproc(t *testing.T, s *Server, connect func(string) *client, id string) *client {
	t.Helper()
	c := connect(id)
	c.subscribe(BundleType, BundleName)
	settled(t, s, func(nodes []*node) bool { return find(nodes, id) != nil })
	return c
}

// envoy connects an Envoy that subscribes to everything.
func envoy(t *testing.T, s *Server, connect func(string) *client, id string) *client {
	t.Helper()
	c := connect(id)
	c.subscribe(resource.ClusterType)
	c.subscribe(resource.ListenerType)
	c.subscribe(resource.RouteType, "llm")
	settled(t, s, func(nodes []*node) bool { n := find(nodes, id); return n != nil && len(n.types) == 3 })
	return c
}

// take acknowledges a response of each type, in the server's order.
func (c *client) take(urls ...string) {
	c.t.Helper()
	for _, url := range urls {
		c.ack(c.expect(url))
	}
}

func find(nodes []*node, id string) *node {
	for _, n := range nodes {
		if n.id == id {
			return n
		}
	}
	return nil
}

// settled waits until the ledger shows what is wanted.
func settled(t *testing.T, s *Server, want func([]*node) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := s.ledger.await(ctx, func(nodes []*node) (bool, error) { return want(nodes), nil })
	if err != nil {
		t.Fatalf("the ledger never shows what is wanted: %+v", s.Status())
	}
}

// publish starts a rollout; the function returned waits for its end.
func publish(t *testing.T, s *Server, snap *snapshot.Snapshot) func() error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- s.Publish(t.Context(), snap) }()
	return func() error {
		t.Helper()
		select {
		case err := <-done:
			return err
		case <-time.After(patience):
			t.Fatal("Publish does not end")
			return nil
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func names(resp *discovery.DeltaDiscoveryResponse) []string {
	var out []string
	for _, r := range resp.GetResources() {
		out = append(out, r.GetName())
	}
	return out
}
