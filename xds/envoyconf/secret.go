package envoyconf

import (
	"path"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
)

// Secret tells Envoy where a credential lies: the file dir/name, of which Envoy takes everything but a newline at its end. Its
// content passes through nobody else. Envoy reads the file again when something is moved into dir (a rename, or the symlink swap of
// a Kubernetes volume), and not when it is edited in place. While there is no file, the upstream's callers get a refusal.
func Secret(dir, name string) *tlsv3.Secret {
	return &tlsv3.Secret{
		Name: secretName(name),
		Type: &tlsv3.Secret_GenericSecret{GenericSecret: &tlsv3.GenericSecret{
			Secret: &corev3.DataSource{
				Specifier:        &corev3.DataSource_Filename{Filename: path.Join(dir, name)},
				WatchedDirectory: &corev3.WatchedDirectory{Path: dir},
			},
		}},
	}
}

func secretName(name string) string { return "credential/" + name }
