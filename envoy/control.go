package envoy

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	dnscommonv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/common/dns/v3"
	dnsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/dns/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"bartizan/envoy/socket"
)

const (
	remoteConnectTimeout = 5 * time.Second // to a control server on TCP

	certificateSecret = "xds/certificate"
	authoritySecret   = "xds/authority"
)

// xdsCluster is the control server, behind a Unix socket or on TCP. All addresses of its name count as one endpoint: which of its
// replicas answers does not matter, since all serve the same versions.
func xdsCluster(c Config) (*clusterv3.Cluster, error) {
	h2 := keepalive(30*time.Second, 5*time.Second)
	if path, ok := strings.CutPrefix(c.ControlServer, "unix:"); ok {
		return grpcCluster(XDSCluster, pipe(path, 0), h2)
	}
	host, port, err := net.SplitHostPort(c.ControlServer)
	if err != nil {
		return nil, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, err
	}
	cluster, err := grpcCluster(XDSCluster, tcp(host, uint32(number)), h2)
	if err != nil {
		return nil, err
	}
	cluster.ConnectTimeout = durationpb.New(remoteConnectTimeout)
	if err := resolve(cluster, host); err != nil || c.Trust.Plaintext {
		return cluster, err
	}
	cluster.TransportSocket, err = c.mutualTLS(host)
	return cluster, err
}

func tcp(host string, port uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}
}

func resolve(c *clusterv3.Cluster, host string) error {
	if net.ParseIP(host) != nil {
		return nil
	}
	dns, err := toAny(&dnsv3.DnsCluster{
		AllAddressesInSingleEndpoint: true, DnsLookupFamily: dnscommonv3.DnsLookupFamily_ALL, RespectDnsTtl: true,
	})
	c.ClusterDiscoveryType = &clusterv3.Cluster_ClusterType{ClusterType: &clusterv3.Cluster_CustomClusterType{Name: "envoy.clusters.dns", TypedConfig: dns}}
	return err
}

// mutualTLS names certificates by SDS from files: only these does Envoy read again when they are renewed.
func (c Config) mutualTLS(host string) (*corev3.TransportSocket, error) {
	name := c.Trust.Name
	if name == "" {
		name = host
	}
	server := &tlsv3.SubjectAltNameMatcher{SanType: tlsv3.SubjectAltNameMatcher_DNS, Matcher: &matcherv3.StringMatcher{
		MatchPattern: &matcherv3.StringMatcher_Exact{Exact: name},
	}}
	if net.ParseIP(name) != nil {
		server.SanType = tlsv3.SubjectAltNameMatcher_IP_ADDRESS
	}
	context := &tlsv3.UpstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{
		TlsParams:                      &tlsv3.TlsParameters{TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_3, TlsMaximumProtocolVersion: tlsv3.TlsParameters_TLSv1_3},
		AlpnProtocols:                  []string{"h2"},
		TlsCertificateSdsSecretConfigs: []*tlsv3.SdsSecretConfig{fromFile(certificateSecret, c.certificateFile())},
		ValidationContextType: &tlsv3.CommonTlsContext_CombinedValidationContext{
			CombinedValidationContext: &tlsv3.CommonTlsContext_CombinedCertificateValidationContext{
				DefaultValidationContext:         &tlsv3.CertificateValidationContext{MatchTypedSubjectAltNames: []*tlsv3.SubjectAltNameMatcher{server}},
				ValidationContextSdsSecretConfig: fromFile(authoritySecret, c.authorityFile()),
			},
		},
	}}
	if net.ParseIP(name) == nil {
		context.Sni = name
	}
	config, err := toAny(context)
	return &corev3.TransportSocket{Name: "tls", ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: config}}, err
}

func (c Config) certificateFile() string { return filepath.Join(c.RunDir, "xds-certificate.json") }
func (c Config) authorityFile() string   { return filepath.Join(c.RunDir, "xds-authority.json") }

func fromFile(name, path string) *tlsv3.SdsSecretConfig {
	return &tlsv3.SdsSecretConfig{Name: name, SdsConfig: &corev3.ConfigSource{
		ResourceApiVersion:    corev3.ApiVersion_V3,
		ConfigSourceSpecifier: &corev3.ConfigSource_PathConfigSource{PathConfigSource: &corev3.PathConfigSource{Path: path}},
	}}
}

// addTrust adds the files that mutualTLS names. They say where the certificates lie, not what they are.
func (c Config) addTrust(files map[string]proto.Message) error {
	if socket.IsUnix(c.ControlServer) || c.Trust.Plaintext {
		return nil
	}
	file := func(path string) *corev3.DataSource {
		return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: path}}
	}
	folder := func(path string) *corev3.WatchedDirectory {
		return &corev3.WatchedDirectory{Path: filepath.Dir(path)}
	}
	for path, secret := range map[string]*tlsv3.Secret{
		c.certificateFile(): {Name: certificateSecret, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
			CertificateChain: file(c.Trust.Cert), PrivateKey: file(c.Trust.Key), WatchedDirectory: folder(c.Trust.Cert),
		}}},
		c.authorityFile(): {Name: authoritySecret, Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{
			TrustedCa: file(c.Trust.CA), WatchedDirectory: folder(c.Trust.CA),
		}}},
	} {
		packed, err := toAny(secret)
		if err != nil {
			return err
		}
		files[path] = &discoveryv3.DiscoveryResponse{Resources: []*anypb.Any{packed}}
	}
	return nil
}
