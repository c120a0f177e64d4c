package ads

import (
	"context"
	"slices"
	"sync/atomic"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// roleDomain is below which certificates name roles: a node of class extproc shows the DNS name "extproc.bartizan". The authority is the
// fleet's own, so the name needs no more than to be told apart from others; a DNS name is what every tool can put into a certificate.
const roleDomain = ".bartizan"

// admit holds a node to the role that its certificate names, on every kind of stream. Where there is no certificate (a Unix socket,
// plaintext), the class is what the node says.
func admit(srv any, str grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	names, shown := certified(str.Context())
	if !shown {
		return handle(srv, str)
	}
	held := &admitted{ServerStream: str, names: names}
	err := handle(srv, held)
	if refused := held.refused.Load(); refused != nil {
		return *refused // go-control-plane takes an error on receiving for the end, and says nothing
	}
	return err
}

// certified returns the names of the peer's certificate, which the transport has verified.
func certified(ctx context.Context) (names []string, shown bool) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil, false
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return nil, false
	}
	for _, cert := range info.State.PeerCertificates[:min(1, len(info.State.PeerCertificates))] {
		names = cert.DNSNames
	}
	return names, true
}

// admitted is a stream whose requests are held to the peer's roles.
type admitted struct {
	grpc.ServerStream
	names   []string
	refused atomic.Pointer[error]
}

// RecvMsg receives a request.
func (a *admitted) RecvMsg(m any) error {
	if err := a.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	req, ok := m.(*discovery.DeltaDiscoveryRequest)
	if !ok || req.GetNode() == nil {
		return nil // the first request names the node, and the ledger insists on that
	}
	id := cut(req.GetNode().GetId())
	c, _ := classOf(id)
	if role := string(c) + roleDomain; !slices.Contains(a.names, role) {
		err := status.Errorf(codes.PermissionDenied, "node %s wants a certificate with the DNS name %s, and this one has %q", id, role, a.names)
		a.refused.Store(&err)
		return err
	}
	return nil
}
