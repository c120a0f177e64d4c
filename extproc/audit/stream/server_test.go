package stream_test

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"bartizan/extproc/audit/stream"
	"bartizan/test/authority"
	"bartizan/test/await"
)

// text is a log that is read while it is written.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// TestServer: NATS with mutual TLS and a password. What is wrong is said once and the connection comes when it is right, without a restart.
func TestServer(t *testing.T) {
	dir := t.TempDir()
	ours, err := authority.New()
	must(t, err)
	must(t, ours.Issue(filepath.Join(dir, "server"), "127.0.0.1"))
	must(t, ours.Issue(filepath.Join(dir, "client"), "extproc.bartizan"))
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "server/tls.crt"), filepath.Join(dir, "server/tls.key"))
	must(t, err)
	ns, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, Username: "gateway", Password: "right", TLS: true, TLSTimeout: 5,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: ours.Pool(), ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12},
	})
	must(t, err)
	go ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(10 * time.Second) {
		t.Fatal("not ready")
	}
	password := filepath.Join(dir, "password")
	must(t, os.WriteFile(password, []byte("wrong-s3cret\n"), 0o600))
	s := stream.Server{
		URL: "tls://" + ns.Addr().String(), User: "gateway", PasswordFile: password, CA: filepath.Join(dir, "client/ca.crt"),
		Cert: filepath.Join(dir, "client/tls.crt"), Key: filepath.Join(dir, "client/tls.key"),
	}
	log := &text{}
	nc, err := s.Connect(slog.New(slog.NewTextHandler(log, nil)))
	must(t, err)
	defer nc.Close()
	await.Until(t, "the refusal", func() bool { return strings.Contains(log.String(), "Authorization Violation") })
	must(t, os.WriteFile(password, []byte("right\n"), 0o600))
	await.Until(t, "the connection", nc.IsConnected)
	await.Until(t, "the log of it", func() bool { return strings.Contains(log.String(), "nats connected") })
	if out := log.String(); strings.Contains(out, "s3cret") || strings.Count(out, "records wait on disk") > 3 {
		t.Errorf("log:\n%s", out)
	}

	s.Cert, s.Key = "", ""
	without := &text{}
	nc2, err := s.Connect(slog.New(slog.NewTextHandler(without, nil)))
	must(t, err)
	defer nc2.Close()
	await.Until(t, "the warning", func() bool { return strings.Contains(without.String(), "records wait on disk") })
	if nc2.IsConnected() {
		t.Error("connected without a certificate")
	}
}

func TestServerIsWhole(t *testing.T) {
	for _, c := range []struct {
		server stream.Server
		want   string
	}{
		{stream.Server{}, "no URL of NATS"},
		{stream.Server{URL: "u", User: "a"}, "wants the file of its password"},
		{stream.Server{URL: "u", User: "a", PasswordFile: "b", Creds: "c"}, "not both"},
		{stream.Server{URL: "u", Key: "a"}, "wants its key, and a key its certificate"},
		{stream.Server{URL: "u", Creds: "/nowhere"}, "NATS credentials: stat /nowhere"},
		{stream.Server{URL: "u", User: "a", PasswordFile: "/nowhere"}, "NATS password: open /nowhere"},
	} {
		if _, err := c.server.Options(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.server, err, c.want)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
