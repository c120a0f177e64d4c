package envoyconf

import (
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// Endpoint is where a listener listens.
type Endpoint struct {
	Name    string // of the listener, and of its statistics
	Address string // IP
	Port    uint32 // 0: the kernel picks one
	Pipe    string // a Unix socket, instead of address and port

	Certificate string // name of its certificate, see [Certificate]; empty: in the clear
	TrustedHops uint32 // proxies in front of it whose x-forwarded-for is believed; 0: the client is who connects
}

func (e Endpoint) address() *corev3.Address {
	if e.Pipe != "" {
		return pipeAddress(e.Pipe)
	}
	return socketAddress(e.Address, e.Port)
}

// Edge is what all listeners of a gateway share.
type Edge struct {
	Voices  []Voice  // how to refuse, per route; see [Voice]
	Issuers []Issuer // whose tokens are verified
	Bare    bool     // no inspection at all: neither ext_proc nor stamp nor log. Only to measure what inspection costs
}

// Listener builds one listener. Its filters stand in this order: jwt_authn verifies tokens, ext_proc judges, the stamp lets judged requests through, the
// router forwards. Routes come by RDS under [RouteConfigName].
func Listener(at Endpoint, edge Edge) *listenerv3.Listener {
	return &listenerv3.Listener{
		Name:                          at.Name,
		Address:                       at.address(),
		PerConnectionBufferLimitBytes: u32(bufferLimit),
		// With SO_REUSEPORT a second Envoy of the same user would take half of the connections in silence; so it is told that the
		// port is taken.
		EnableReusePort: no(),
		FilterChains: []*listenerv3.FilterChain{{
			TransportSocket: serveTLS(at.Certificate),
			Filters: []*listenerv3.Filter{{
				Name:       "http_connection_manager",
				ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: pack(connectionManager(at, edge))},
			}},
		}},
	}
}

func connectionManager(at Endpoint, edge Edge) *hcmv3.HttpConnectionManager {
	m := &hcmv3.HttpConnectionManager{
		StatPrefix: at.Name,
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{
			Rds: &hcmv3.Rds{ConfigSource: ads(), RouteConfigName: RouteConfigName},
		},
		HttpFilters:      []*hcmv3.HttpFilter{router()},
		LocalReplyConfig: localReplies(edge.Voices),
	}
	if !edge.Bare {
		m.HttpFilters = []*hcmv3.HttpFilter{extProc(), stamp(), router()}
		if len(edge.Issuers) > 0 {
			m.HttpFilters = append([]*hcmv3.HttpFilter{jwtAuthn(edge.Issuers)}, m.HttpFilters...)
		}
		m.AccessLog = accessLogs()
	}
	distrustClient(m)
	m.XffNumTrustedHops = at.TrustedHops
	limitConnections(m)
	return m
}

// distrustClient keeps what a client says of itself, or of the way that its request came, from being believed.
func distrustClient(m *hcmv3.HttpConnectionManager) {
	m.UseRemoteAddress = yes()
	m.InternalAddressConfig = nobodyInternal()
	m.SkipXffAppend = true // the providers need not learn the addresses of our machines
	m.GenerateRequestId = yes()
	m.PreserveExternalRequestId = false
	m.NormalizePath = yes()
	m.MergeSlashes = true
	m.PathWithEscapedSlashesAction = hcmv3.HttpConnectionManager_KEEP_UNCHANGED // the routes say where one may stand
	m.StripPortMode = &hcmv3.HttpConnectionManager_StripAnyHostPort{StripAnyHostPort: true}
	m.ServerHeaderTransformation = hcmv3.HttpConnectionManager_PASS_THROUGH // an upstream's answer goes on as it came
	m.CommonHttpProtocolOptions = &corev3.HttpProtocolOptions{
		// Many upstreams read a_b and a-b as the same header, and extproc does not.
		HeadersWithUnderscoresAction: corev3.HttpProtocolOptions_REJECT_REQUEST,
		IdleTimeout:                  duration(15 * time.Minute),
	}
	// No upgrade_configs: a WebSocket would pass uninspected. Envoy refuses every upgrade, see localreply.go.
}

// nobodyInternal: from an internal address Envoy would take over x-request-id and x-envoy-* headers such as retry policies, and an
// empty list means all private networks. So the list names the one address that no packet comes from.
func nobodyInternal() *hcmv3.HttpConnectionManager_InternalAddressConfig {
	return &hcmv3.HttpConnectionManager_InternalAddressConfig{
		CidrRanges: []*corev3.CidrRange{{AddressPrefix: "255.255.255.255", PrefixLen: u32(32)}},
	}
}

func limitConnections(m *hcmv3.HttpConnectionManager) {
	m.RequestHeadersTimeout = duration(10 * time.Second)
	m.RequestTimeout = duration(5 * time.Minute) // to receive the whole request: 40 MiB at 1.1 Mbit/s
	m.StreamIdleTimeout = duration(streamIdle)
	m.DelayedCloseTimeout = duration(time.Second)
	m.Http2ProtocolOptions = &corev3.Http2ProtocolOptions{
		MaxConcurrentStreams:        u32(100),
		InitialStreamWindowSize:     u32(streamWindow),
		InitialConnectionWindowSize: u32(connectionWindow),
	}
}

func router() *hcmv3.HttpFilter {
	return httpFilter("router", &routerv3.Router{
		SuppressEnvoyHeaders: true, // towards upstreams: x-envoy-original-path names our own paths
	})
}
