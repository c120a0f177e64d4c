package extproc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"bartizan/extproc"
	"bartizan/extproc/audit/natsd"
)

// authority signs certificates for one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key}
}

// mutual is a side that trusts a's certificates and shows one of its own.
func (a authority) mutual(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, RootCAs: pool, ClientCAs: pool,
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13,
	}
}

// TestMutualTLS: over TCP only who shows a certificate of the right authority is spoken to; without TLS a TCP address is refused.
func TestMutualTLS(t *testing.T) {
	dir, err := os.MkdirTemp("", "ep")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	nats, err := natsd.Start(natsd.Options{StateDir: filepath.Join(dir, "nats")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nats.Shutdown)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()

	ours := newAuthority(t)
	config := extproc.Config{
		NodeID: "one", Listen: address, ControlServer: "unix:" + filepath.Join(dir, "xds.sock"), StateDir: filepath.Join(dir, "state"),
		NATS: nats.GatewayURL(), Log: slog.New(slog.DiscardHandler), Drain: time.Second,
	}
	if err := config.Validate(); err == nil {
		t.Error("a TCP listener without TLS was accepted")
	}
	config.TLS = credentials.NewTLS(ours.mutual(t))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- extproc.Run(ctx, config) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})

	check := func(c *tls.Config, wait bool) error {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(c)))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ask, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		_, err = healthpb.NewHealthClient(conn).Check(ask, &healthpb.HealthCheckRequest{}, grpc.WaitForReady(wait))
		return err
	}
	if err := check(ours.mutual(t), true); err != nil {
		t.Errorf("with a certificate: %v", err)
	}
	stranger := newAuthority(t).mutual(t)
	stranger.RootCAs = ours.mutual(t).RootCAs // it trusts us; we do not trust it
	nobody := ours.mutual(t)
	nobody.Certificates = nil
	for name, c := range map[string]*tls.Config{"a stranger's certificate": stranger, "no certificate": nobody} {
		if err := check(c, false); status.Code(err) != codes.Unavailable {
			t.Errorf("with %s: %v, want unavailable", name, err)
		}
	}
}
