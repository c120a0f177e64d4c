package ads

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"testing"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretv3 "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bartizan/envoy/socket"
	"bartizan/test/authority"
)

// TestRoleByCertificate: over mutual TLS a node is what its certificate says, on the common stream and on those of secrets.
func TestRoleByCertificate(t *testing.T) {
	ours, err := authority.New()
	must(t, err)
	trust := func(names ...string) socket.Trust {
		dir := t.TempDir()
		must(t, ours.Issue(dir, names...))
		return socket.Trust{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key"), CA: filepath.Join(dir, "ca.crt")}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	creds, err := trust("127.0.0.1").Credentials(l.Addr().String(), slog.New(slog.DiscardHandler))
	must(t, err)
	s := New(Options{GRPC: []grpc.ServerOption{grpc.Creds(creds)}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	defer func() { cancel(); must(t, <-done) }()
	must(t, s.Publish(t.Context(), commit("one")))

	envoy, extproc, both, neither := trust("envoy.bartizan"), trust("extproc.bartizan"), trust("envoy.bartizan", "extproc.bartizan"), trust("xds.bartizan")
	for _, c := range []struct {
		name, id, url string
		with          socket.Trust
		want          codes.Code
	}{
		{"envoy", "envoy/a", resource.ListenerType, envoy, codes.OK},
		{"a secret", "envoy/a", resource.SecretType, envoy, codes.OK},
		{"extproc", "extproc/a", BundleType, extproc, codes.OK},
		{"one certificate for both", "extproc/a", BundleType, both, codes.OK},
		{"envoy asks for the bundle", "extproc/a", BundleType, envoy, codes.PermissionDenied},
		{"extproc asks for listeners", "envoy/a", resource.ListenerType, extproc, codes.PermissionDenied},
		{"extproc asks for a secret", "envoy/a", resource.SecretType, extproc, codes.PermissionDenied},
		{"neither", "envoy/a", resource.ListenerType, neither, codes.PermissionDenied},
		{"a node without a class", "a", resource.ListenerType, envoy, codes.PermissionDenied},
	} {
		t.Run(c.name, func(t *testing.T) {
			creds, err := c.with.Credentials(l.Addr().String(), slog.New(slog.DiscardHandler))
			must(t, err)
			conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(creds))
			must(t, err)
			defer conn.Close()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			req := &discovery.DeltaDiscoveryRequest{Node: &core.Node{Id: c.id}, TypeUrl: c.url, ResourceNamesSubscribe: []string{"*"}}
			if got := status.Code(ask(ctx, conn, req)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// ask sends one request on the stream that its type is served on, and waits for an answer.
func ask(ctx context.Context, conn *grpc.ClientConn, req *discovery.DeltaDiscoveryRequest) error {
	var stream interface {
		Send(*discovery.DeltaDiscoveryRequest) error
		Recv() (*discovery.DeltaDiscoveryResponse, error)
	}
	var err error
	if req.GetTypeUrl() == resource.SecretType {
		stream, err = secretv3.NewSecretDiscoveryServiceClient(conn).DeltaSecrets(ctx)
	} else {
		stream, err = discovery.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx)
	}
	if err != nil {
		return err
	}
	if err := stream.Send(req); err != nil {
		return err
	}
	_, err = stream.Recv()
	return err
}
