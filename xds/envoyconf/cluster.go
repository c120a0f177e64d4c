package envoyconf

import (
	"net"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	dnscommonv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/common/dns/v3"
	dnsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/dns/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	upstreamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// Upstream is one origin, with the credential that Envoy presents to it.
type Upstream struct {
	Cluster    string // name of the Envoy cluster
	Host       string // DNS name or IP, without brackets
	Port       uint32
	Pipe       string // a Unix socket, instead of host and port
	TLS        bool
	CAFile     string      // PEM bundle that certificates are checked against
	Credential *Credential // nil: none is presented
}

// Credential is a secret and the header that carries it.
type Credential struct {
	Secret string // file name below the secrets folder
	Header string
	Prefix string       // put before the secret, such as "Bearer "
	Client *ClientGrant // not nil: what is presented is a bearer token that the secret buys
}

// ClientGrant is OAuth's client credentials grant (RFC 6749, section 4.4). The client's secret is Credential.Secret.
type ClientGrant struct {
	Endpoint Site // of tokens
	ClientID string
	InBody   bool // the client is named in the body instead of an Authorization header
	Scopes   []string
	Params   []Param // sent besides, such as audience or resource
}

// Param is one parameter of a form.
type Param struct{ Name, Value string }

// Cluster builds the upstream's cluster.
func Cluster(u *Upstream) *clusterv3.Cluster {
	c := &clusterv3.Cluster{
		Name:                          u.Cluster,
		ConnectTimeout:                duration(10 * time.Second),
		PerConnectionBufferLimitBytes: u32(bufferLimit),
		CircuitBreakers:               breakers(),
		LoadAssignment:                assignment(u),
		UpstreamConnectionOptions: &clusterv3.UpstreamConnectionOptions{
			TcpKeepalive: &corev3.TcpKeepalive{KeepaliveTime: u32(30), KeepaliveInterval: u32(10), KeepaliveProbes: u32(3)},
		},
		TypedExtensionProtocolOptions: map[string]*anypb.Any{
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": pack(protocol(u)),
		},
	}
	discover(c, u)
	if u.TLS {
		c.TransportSocket = &corev3.TransportSocket{
			Name:       "tls",
			ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: pack(tlsContext(u))},
		}
	}
	return c
}

// discover: a large provider's name resolves to other addresses all the time. As one endpoint (Envoy's "logical" DNS) its open
// connections are left alone then, where an endpoint per address would drain them; and a connection goes to whichever address of
// whichever family answers first (RFC 8305).
func discover(c *clusterv3.Cluster, u *Upstream) {
	if u.Pipe != "" || net.ParseIP(u.Host) != nil {
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
		return
	}
	dns := &dnsv3.DnsCluster{
		AllAddressesInSingleEndpoint: true,
		DnsLookupFamily:              dnscommonv3.DnsLookupFamily_ALL,
		RespectDnsTtl:                true,
	}
	c.ClusterDiscoveryType = &clusterv3.Cluster_ClusterType{
		ClusterType: &clusterv3.Cluster_CustomClusterType{Name: "envoy.clusters.dns", TypedConfig: pack(dns)},
	}
}

func assignment(u *Upstream) *endpointv3.ClusterLoadAssignment {
	endpoint := &endpointv3.LbEndpoint{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{
		Endpoint: &endpointv3.Endpoint{Address: u.address()},
	}}
	return &endpointv3.ClusterLoadAssignment{
		ClusterName: u.Cluster,
		Endpoints:   []*endpointv3.LocalityLbEndpoints{{LbEndpoints: []*endpointv3.LbEndpoint{endpoint}}},
	}
}

func (u *Upstream) address() *corev3.Address {
	if u.Pipe != "" {
		return pipeAddress(u.Pipe)
	}
	return socketAddress(u.Host, u.Port)
}

// breakers: Envoy's 1,024 would cut off the 1,025th agent that waits for a slow model. Admission is extproc's.
func breakers() *clusterv3.CircuitBreakers {
	return &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
		MaxConnections: u32(20_000), MaxPendingRequests: u32(20_000), MaxRequests: u32(20_000),
	}}}
}

// protocol: over TLS what ALPN offers, in the clear HTTP/1.1. A connection is left idle for no longer than servers do, since a
// request on one that has just been closed is not tried again.
func protocol(u *Upstream) *upstreamv3.HttpProtocolOptions {
	o := &upstreamv3.HttpProtocolOptions{
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{IdleTimeout: duration(30 * time.Second)},
		HttpFilters:               upstreamFilters(u.Credential),
	}
	if u.TLS {
		o.UpstreamProtocolOptions = &upstreamv3.HttpProtocolOptions_AutoConfig{AutoConfig: &upstreamv3.HttpProtocolOptions_AutoHttpConfig{
			Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
				InitialStreamWindowSize:     u32(streamWindow),
				InitialConnectionWindowSize: u32(connectionWindow),
			},
		}}
		return o
	}
	o.UpstreamProtocolOptions = &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig_{
		ExplicitHttpConfig: &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig{
			ProtocolConfig: &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{
				HttpProtocolOptions: &corev3.Http1ProtocolOptions{},
			},
		},
	}
	return o
}

func tlsContext(u *Upstream) *tlsv3.UpstreamTlsContext {
	validation := &tlsv3.CertificateValidationContext{TrustedCa: &corev3.DataSource{
		Specifier: &corev3.DataSource_Filename{Filename: u.CAFile},
	}}
	t := &tlsv3.UpstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{
		ValidationContextType: &tlsv3.CommonTlsContext_ValidationContext{ValidationContext: validation},
	}}
	if net.ParseIP(u.Host) == nil {
		t.Sni, t.AutoSniSanValidation = u.Host, true
		return t
	}
	// An IP is no server name (RFC 6066, section 3), so the certificate is checked for the address itself.
	validation.MatchTypedSubjectAltNames = []*tlsv3.SubjectAltNameMatcher{{
		SanType: tlsv3.SubjectAltNameMatcher_IP_ADDRESS,
		Matcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: u.Host}},
	}}
	return t
}
