// Package envoyconf builds the Envoy protobufs of a snapshot: listeners, the route configuration, clusters, secrets.
//
// It promises that no request reaches an upstream unless extproc has judged it (the stamp, see [Listener]), that no caller meets
// an upgrade, an upstream's credential or another caller's header, and that every answer which Envoy makes by itself speaks the
// protocol of its route. Every line was tried on the pinned Envoy; where a setting looks odd, its comment says what was seen.
//
// It does not judge its input: names, hosts and paths come checked from package snapshot. It does not read secrets: Envoy opens
// their files itself. The two clusters of the bootstrap, [ClusterExtProc] and [ClusterXDS], are not built here.
//
// All functions are pure and deterministic, and safe for concurrent use. They cannot fail.
package envoyconf

import (
	"fmt"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Names that other packages rely on.
const (
	ClusterExtProc  = "extproc"   // static cluster of the bootstrap: ext_proc and access logs
	ClusterXDS      = "xds"       // static cluster of the bootstrap: the control server
	RouteNone       = "none"      // the route of every path that no other names; in no bundle
	RouteConfigName = "gateway"   // the one route configuration, shared by all listeners
	Namespace       = "bartizan"  // of the dynamic metadata that extproc may set
	StampKey        = "request"   // key in Namespace that the stamp reads
	StampValue      = "judged"    // its value on a request that may go on; any other keeps the request in
	StampSeen       = "seen"      // its value while nothing is decided: such exchanges are in the access log
	AccessLogName   = "bartizan"  // log_name of the access log stream
	ListenerGate    = "_gate"     // by which the MCP aggregator comes in; no listener of a Gateway can have the name
	FilterExtProc   = "ext_proc"  // name of the HTTP filter
	FilterStamp     = "the_stamp" // name of the HTTP filter
	FilterJWT       = "jwt_authn" // name of the HTTP filter
)

// Memory per connection, on both sides: 100 clients that read nothing cost 9 MB with these and 250 MB with Envoy's defaults.
const (
	bufferLimit      = 32 << 10
	streamWindow     = 64 << 10
	connectionWindow = 1 << 20
)

// streamIdle ends an exchange on which nothing moves. An answer that is not streamed may be silent until it begins: the vendors' SDKs
// wait 600 s for it. Within a streamed answer extproc acts earlier, when the clients have given up.
const streamIdle = 610 * time.Second

// listenIdle is the same where a client listens for what a server has to say by itself (MCP: GET, subscriptions/listen), which may be
// nothing for hours. extproc ends such a stream well-formed after an hour, and all others on these routes as on any.
const listenIdle = time.Hour + 10*time.Second

func ads() *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ResourceApiVersion:    corev3.ApiVersion_V3,
		ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
	}
}

func grpcService(cluster string) *corev3.GrpcService {
	return &corev3.GrpcService{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
		EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: cluster},
	}}
}

func pipeAddress(path string) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: path, Mode: 0o600}}}
}

func socketAddress(host string, port uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}
}

// pack encodes with sorted maps, so that equal messages are equal bytes. The only way to fail is a string that is not UTF-8, and
// none gets past the manifest reader.
func pack(m proto.Message) *anypb.Any {
	a := new(anypb.Any)
	if err := anypb.MarshalFrom(a, m, proto.MarshalOptions{Deterministic: true}); err != nil {
		panic(fmt.Sprintf("encode %T: %v", m, err))
	}
	return a
}

func u32(n uint32) *wrapperspb.UInt32Value          { return wrapperspb.UInt32(n) }
func yes() *wrapperspb.BoolValue                    { return wrapperspb.Bool(true) }
func no() *wrapperspb.BoolValue                     { return wrapperspb.Bool(false) }
func duration(d time.Duration) *durationpb.Duration { return durationpb.New(d) }
