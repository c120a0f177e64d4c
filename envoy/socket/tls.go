package socket

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"

	"google.golang.org/grpc/credentials"
)

// Trust says how the two sides of a TCP connection know each other: by mutual TLS 1.3, or not at all. On a Unix socket it is not asked,
// since the socket's folder is the protection.
type Trust struct {
	Cert, Key string // this side's certificate and its key, PEM files
	CA        string // who must have signed the other side's certificate, PEM file
	Name      string // what a server's certificate must say; empty: the host that is called. Of no meaning to a server
	Plaintext bool   // neither: the network itself is trusted
}

// Credentials returns how to speak on an address; nil is in the clear. The files are read again for each connection, so that a renewed
// certificate needs no restart. Files that cannot be used later are logged, and the last good ones stay.
func (t Trust) Credentials(address string, log *slog.Logger) (credentials.TransportCredentials, error) {
	if IsUnix(address) {
		return nil, nil
	}
	if err := t.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	if t.Plaintext {
		return nil, nil
	}
	r := &renewed{files: t, log: log}
	config, err := r.load()
	if err != nil {
		return nil, err
	}
	r.config = config
	return &reloading{TransportCredentials: credentials.NewTLS(config), renewed: r}, nil
}

// Validate says what is missing for TCP.
func (t Trust) Validate() error {
	files := t.Cert != "" || t.Key != "" || t.CA != ""
	switch {
	case files && t.Plaintext:
		return errors.New("both TLS files and plaintext are asked for")
	case !files && !t.Plaintext:
		return errors.New("TCP wants mutual TLS (a certificate, its key, an authority), or to be told that plaintext is meant")
	case files && (t.Cert == "" || t.Key == "" || t.CA == ""):
		return errors.New("mutual TLS wants all of a certificate, its key and an authority")
	}
	return nil
}

// renewed is a configuration that follows its files.
type renewed struct {
	files Trust
	log   *slog.Logger

	mu     sync.Mutex
	seen   [3][]byte
	config *tls.Config
}

// load reads the files; nil says that they are what they were.
func (r *renewed) load() (*tls.Config, error) {
	var now [3][]byte
	for i, path := range []string{r.files.Cert, r.files.Key, r.files.CA} {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("load TLS files: %w", err)
		}
		now[i] = data
	}
	if r.config != nil && bytes.Equal(now[0], r.seen[0]) && bytes.Equal(now[1], r.seen[1]) && bytes.Equal(now[2], r.seen[2]) {
		return nil, nil
	}
	pair, err := tls.X509KeyPair(now[0], now[1])
	if err != nil {
		return nil, fmt.Errorf("load TLS certificate %s and key: %w", r.files.Cert, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(now[2]) {
		return nil, fmt.Errorf("load TLS authority: no certificate in %s", r.files.CA)
	}
	r.seen = now
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, RootCAs: pool, ClientCAs: pool, ServerName: r.files.Name,
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"},
	}, nil
}

// current is for the next handshake.
func (r *renewed) current() *tls.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, err := r.load()
	switch {
	case err != nil: // a volume may be in the middle of its swap
		r.log.Warn("renewed TLS files cannot be used, the last ones stay", "error", err)
	case next != nil:
		r.config = next
	}
	return r.config
}

// reloading makes each handshake with the files as they are then.
type reloading struct {
	credentials.TransportCredentials
	renewed *renewed
}

// ClientHandshake implements credentials.TransportCredentials.
func (c *reloading) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return credentials.NewTLS(c.renewed.current()).ClientHandshake(ctx, authority, conn)
}

// ServerHandshake implements credentials.TransportCredentials.
func (c *reloading) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return credentials.NewTLS(c.renewed.current()).ServerHandshake(conn)
}

// Clone implements credentials.TransportCredentials.
func (c *reloading) Clone() credentials.TransportCredentials {
	return &reloading{TransportCredentials: c.TransportCredentials.Clone(), renewed: c.renewed}
}
