package extproc_test

import (
	"context"
	"crypto/tls"
	"log/slog"
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

	"bartizan/envoy/socket"
	"bartizan/extproc"
	"bartizan/extproc/audit/natsd"
	"bartizan/extproc/audit/stream"
	"bartizan/test/authority"
)

// issue makes a certificate of an authority in a folder of its own, and returns what a side needs that uses it.
func issue(t *testing.T, a *authority.Authority) (socket.Trust, *tls.Config) {
	t.Helper()
	dir := t.TempDir()
	if err := a.Issue(dir, "127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	files := socket.Trust{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key"), CA: filepath.Join(dir, "ca.crt")}
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	return files, &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: a.Pool(), MinVersion: tls.VersionTLS13}
}

func newAuthority(t *testing.T) *authority.Authority {
	t.Helper()
	a, err := authority.New()
	if err != nil {
		t.Fatal(err)
	}
	return a
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
		NATS: stream.Server{URL: nats.GatewayURL()}, Log: slog.New(slog.DiscardHandler), Drain: time.Second,
	}
	if err := config.Validate(); err == nil {
		t.Error("a TCP listener without TLS was accepted")
	}
	var mutual *tls.Config
	config.Trust, mutual = issue(t, ours)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- config.Run(ctx) }()
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
	if err := check(mutual, true); err != nil {
		t.Errorf("with a certificate: %v", err)
	}
	_, stranger := issue(t, newAuthority(t))
	stranger.RootCAs = ours.Pool() // it trusts us; we do not trust it
	_, nobody := issue(t, ours)
	nobody.Certificates = nil
	for name, c := range map[string]*tls.Config{"a stranger's certificate": stranger, "no certificate": nobody} {
		if err := check(c, false); status.Code(err) != codes.Unavailable {
			t.Errorf("with %s: %v, want unavailable", name, err)
		}
	}
}
