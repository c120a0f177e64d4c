package envoy

import (
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	connectTimeout = time.Second // to a Unix socket: it answers at once or not at all

	// Every exchange in flight holds one ext_proc stream. With Envoy's default of 1,024, 976 of 2,000 concurrent SSE
	// answers failed. The real limit is extproc's own admission, so this one stands far above it.
	extProcStreams = 1 << 20

	// With HTTP/2's windows of 16 MiB, 20 slow readers cost Envoy 150 MB and extproc 100 MB; with these, 9 MB.
	streamWindow     = 64 << 10
	connectionWindow = 1 << 20
	connectionBuffer = 32 << 10
)

// extProcCluster is the inspection service. The keepalive is what ends streams in mid-answer when the process is stopped but
// not dead: FULL_DUPLEX_STREAMED has no message timeout.
func extProcCluster(socket string) (*clusterv3.Cluster, error) {
	h2 := keepalive(time.Second, 2*time.Second)
	h2.MaxConcurrentStreams = wrapperspb.UInt32(extProcStreams)
	// Envoy's guards against a hostile peer count its own frames as well: when a thousand clients leave at once, it owes extproc a
	// thousand RST_STREAM, takes that for a flood and closes the connection, with everybody else's exchanges on it.
	h2.MaxOutboundControlFrames = wrapperspb.UInt32(extProcStreams)
	h2.MaxOutboundFrames = wrapperspb.UInt32(extProcStreams)
	h2.InitialStreamWindowSize = wrapperspb.UInt32(streamWindow)
	h2.InitialConnectionWindowSize = wrapperspb.UInt32(connectionWindow)
	c, err := grpcCluster(ExtProcCluster, pipe(socket, 0), h2)
	if err != nil {
		return nil, err
	}
	c.PerConnectionBufferLimitBytes = wrapperspb.UInt32(connectionBuffer)
	c.HealthChecks = []*corev3.HealthCheck{healthCheck()}
	c.CircuitBreakers = &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{
		breakers(corev3.RoutingPriority_DEFAULT), breakers(corev3.RoutingPriority_HIGH),
	}}
	return c, nil
}

// healthCheck tells who asks this Envoy whether its gateway is whole (the gauge cluster.extproc.membership_healthy). Traffic does not ask:
// with its only host unwell Envoy tries it all the same ("panic"), and fails closed.
func healthCheck() *corev3.HealthCheck {
	return &corev3.HealthCheck{
		Timeout: durationpb.New(2 * time.Second), Interval: durationpb.New(2 * time.Second), NoTrafficInterval: durationpb.New(2 * time.Second),
		UnhealthyThreshold: wrapperspb.UInt32(2), HealthyThreshold: wrapperspb.UInt32(1),
		HealthChecker: &corev3.HealthCheck_GrpcHealthCheck_{GrpcHealthCheck: &corev3.HealthCheck_GrpcHealthCheck{}},
	}
}

func breakers(p corev3.RoutingPriority) *clusterv3.CircuitBreakers_Thresholds {
	return &clusterv3.CircuitBreakers_Thresholds{
		Priority:           p,
		MaxConnections:     wrapperspb.UInt32(extProcStreams),
		MaxPendingRequests: wrapperspb.UInt32(extProcStreams),
		MaxRequests:        wrapperspb.UInt32(extProcStreams),
		MaxRetries:         wrapperspb.UInt32(0), // a body that was judged once is not judged again
	}
}

func keepalive(interval, timeout time.Duration) *corev3.Http2ProtocolOptions {
	return &corev3.Http2ProtocolOptions{ConnectionKeepalive: &corev3.KeepaliveSettings{
		Interval: durationpb.New(interval), Timeout: durationpb.New(timeout),
	}}
}

// grpcCluster is one HTTP/2 endpoint.
func grpcCluster(name string, address *corev3.Address, h2 *corev3.Http2ProtocolOptions) (*clusterv3.Cluster, error) {
	options, err := toAny(&httpv3.HttpProtocolOptions{UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{
		ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
			ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{Http2ProtocolOptions: h2},
		},
	}})
	if err != nil {
		return nil, err
	}
	return &clusterv3.Cluster{
		Name:                          name,
		ClusterDiscoveryType:          &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		ConnectTimeout:                durationpb.New(connectTimeout),
		LoadAssignment:                loadAssignment(name, address),
		TypedExtensionProtocolOptions: map[string]*anypb.Any{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
	}, nil
}

func loadAssignment(name string, address *corev3.Address) *endpointv3.ClusterLoadAssignment {
	host := &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: address}}
	return &endpointv3.ClusterLoadAssignment{ClusterName: name, Endpoints: []*endpointv3.LocalityLbEndpoints{{
		LbEndpoints: []*endpointv3.LbEndpoint{{HostIdentifier: host}},
	}}}
}
