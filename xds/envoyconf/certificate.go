package envoyconf

import (
	"path"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
)

// Certificate tells Envoy where a listener's certificate lies: tls.crt and tls.key in the folder dir/name, as a Kubernetes Secret of type
// tls is mounted. When something is moved into the folder Envoy reads them again, and new connections are shown the new certificate;
// those that there are go on. While there are no files, only the listeners of this certificate wait for them.
func Certificate(dir, name string) *tlsv3.Secret {
	folder := path.Join(dir, name)
	file := func(name string) *corev3.DataSource {
		return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: path.Join(folder, name)}}
	}
	return &tlsv3.Secret{
		Name: certificateName(name),
		Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
			CertificateChain: file("tls.crt"), PrivateKey: file("tls.key"), WatchedDirectory: &corev3.WatchedDirectory{Path: folder},
		}},
	}
}

func certificateName(name string) string { return "certificate/" + name }

// serveTLS is nil where no certificate is named. Older than TLS 1.2 is not spoken (RFC 8996).
func serveTLS(certificate string) *corev3.TransportSocket {
	if certificate == "" {
		return nil
	}
	context := &tlsv3.DownstreamTlsContext{
		RequireClientCertificate: no(),
		CommonTlsContext: &tlsv3.CommonTlsContext{
			TlsParams:                      &tlsv3.TlsParameters{TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_2},
			AlpnProtocols:                  []string{"h2", "http/1.1"},
			TlsCertificateSdsSecretConfigs: []*tlsv3.SdsSecretConfig{{Name: certificateName(certificate), SdsConfig: ownStream()}},
		},
	}
	return &corev3.TransportSocket{Name: "tls", ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: pack(context)}}
}
