package socket_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/credentials"

	"bartizan/envoy/socket"
	"bartizan/test/authority"
)

func mounted(t *testing.T, a *authority.Authority, dir string) socket.Trust {
	t.Helper()
	if err := a.Mount(dir, "127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	return socket.Trust{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key"), CA: filepath.Join(dir, "ca.crt")}
}

// TestTrustFollowsFiles: each connection is made with the files as they are then; files that cannot be used leave the last good ones.
func TestTrustFollowsFiles(t *testing.T) {
	ours, err := authority.New()
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	serverDir, clientDir := t.TempDir(), t.TempDir()
	creds := func(dir string) credentials.TransportCredentials {
		c, err := mounted(t, ours, dir).Credentials("127.0.0.1:1", log)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	server, client := creds(serverDir), creds(clientDir)
	same := func(dir, serial string) {
		t.Helper()
		if want, err := authority.Serial(filepath.Join(dir, "tls.crt")); err != nil || serial != want {
			t.Errorf("certificate %s, want %s (%v)", serial, want, err)
		}
	}
	shown := func() (ofServer, ofClient string) { t.Helper(); return handshake(t, server, client) }

	s, c := shown()
	same(serverDir, s)
	same(clientDir, c)
	mounted(t, ours, serverDir)
	mounted(t, ours, clientDir)
	s, c = shown()
	same(serverDir, s)
	same(clientDir, c)
	if logged.Len() > 0 {
		t.Errorf("logged: %s", logged.String())
	}
	if err := os.Remove(filepath.Join(serverDir, "tls.key")); err != nil {
		t.Fatal(err)
	}
	if again, _ := shown(); again != s || !strings.Contains(logged.String(), "the last ones stay") {
		t.Errorf("without its key: certificate %s, want %s; log: %s", again, s, logged.String())
	}
}

// handshake connects the two sides over TCP and returns the serial numbers of the certificates that they showed.
func handshake(t *testing.T, server, client credentials.TransportCredentials) (ofServer, ofClient string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan string, 1)
	go func() {
		defer close(got)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if _, info, err := server.ServerHandshake(conn); err == nil {
			got <- info.(credentials.TLSInfo).State.PeerCertificates[0].SerialNumber.String()
		}
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, info, err := client.ClientHandshake(ctx, l.Addr().String(), conn)
	if err != nil {
		t.Fatal(err)
	}
	return info.(credentials.TLSInfo).State.PeerCertificates[0].SerialNumber.String(), <-got
}

func TestTrustIsExplicit(t *testing.T) {
	for _, c := range []struct {
		name, address string
		trust         socket.Trust
		want          string
	}{
		{"a Unix socket", "unix:/x", socket.Trust{}, ""},
		{"nothing", "127.0.0.1:1", socket.Trust{}, "127.0.0.1:1: TCP wants mutual TLS"},
		{"plaintext", "127.0.0.1:1", socket.Trust{Plaintext: true}, ""},
		{"both", "127.0.0.1:1", socket.Trust{Cert: "a", Plaintext: true}, "both TLS files and plaintext"},
		{"half", "127.0.0.1:1", socket.Trust{Cert: "a", Key: "b"}, "wants all of"},
		{"no such file", "127.0.0.1:1", socket.Trust{Cert: "/nowhere/a", Key: "b", CA: "c"}, "load TLS files: open /nowhere/a"},
	} {
		creds, err := c.trust.Credentials(c.address, slog.New(slog.DiscardHandler))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || creds != nil {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}
