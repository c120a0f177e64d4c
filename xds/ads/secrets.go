package ads

import (
	"context"
	"log/slog"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretv3 "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/delta/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// secrets serves Envoy each secret on a stream of its own. On the ADS stream one secret whose file is missing would make Envoy
// refuse all secrets of the same answer (package envoyconf asks for them here). What is served is where a credential lies, never
// the credential. These streams are no nodes of the ledger: an upstream without its credential does not hold a commit back.
type secrets struct {
	secretv3.UnimplementedSecretDiscoveryServiceServer
	delta delta.Server
}

func (s *Server) secrets(ctx context.Context) secrets {
	return secrets{delta: delta.NewServer(ctx, s.cache, secretCallbacks{s.log})}
}

// DeltaSecrets serves one secret to one Envoy.
func (s secrets) DeltaSecrets(str secretv3.SecretDiscoveryService_DeltaSecretsServer) error {
	return s.delta.DeltaStreamHandler(str, resource.SecretType)
}

// secretCallbacks admit Envoy alone, and say when it cannot read a credential.
type secretCallbacks struct{ log *slog.Logger }

var _ delta.Callbacks = secretCallbacks{}

// OnDeltaStreamOpen does nothing.
func (secretCallbacks) OnDeltaStreamOpen(context.Context, int64, string) error { return nil }

// OnDeltaStreamClosed does nothing.
func (secretCallbacks) OnDeltaStreamClosed(int64, *core.Node) {}

// OnStreamDeltaRequest refuses everybody but Envoy.
func (c secretCallbacks) OnStreamDeltaRequest(_ int64, req *discovery.DeltaDiscoveryRequest) error {
	if class, ok := classOf(req.GetNode().GetId()); req.GetNode() != nil && (!ok || class != classEnvoy) {
		return status.Error(codes.PermissionDenied, "secrets are served to Envoy only")
	}
	if e := req.GetErrorDetail(); e != nil {
		c.log.Warn("envoy cannot use a credential", "detail", cut(e.GetMessage()))
	}
	return nil
}

// OnStreamDeltaResponse does nothing.
func (secretCallbacks) OnStreamDeltaResponse(int64, *discovery.DeltaDiscoveryRequest, *discovery.DeltaDiscoveryResponse) {
}
