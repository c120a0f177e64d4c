package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bartizan/extproc/audit/tail"
)

// reader reads records from the cluster's NATS as a SIEM does.
type reader struct {
	*nats.Conn
	args []string // of bartizan's own commands that read records
}

// connectReader connects with what the chart has made for readers.
func (w *world) connectReader(ctx context.Context) error {
	files := map[string]string{}
	for file, from := range map[string][2]string{"password": {"bartizan-nats-reader", "password"}, "ca.crt": {"bartizan-nats-tls", `ca\.crt`}} {
		encoded, err := w.Kubectl(ctx, "-n", namespace, "get", "secret", from[0], "-o", "jsonpath={.data."+from[1]+"}")
		if err != nil {
			return err
		}
		content, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return fmt.Errorf("decode secret %s: %w", from[0], err)
		}
		files[file] = filepath.Join(w.folder, "nats-"+file)
		if err := os.WriteFile(files[file], content, 0o600); err != nil {
			return err
		}
	}
	password, err := os.ReadFile(files["password"])
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(files["ca.crt"])
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	const url = "tls://bartizan-nats." + namespace + ":4222"
	w.reader.args = []string{"--nats-url", url, "--nats-user", "reader", "--nats-password-file", files["password"], "--nats-tls-ca", files["ca.crt"]}
	w.reader.Conn, err = nats.Connect(url, nats.UserInfo("reader", string(password)), nats.MaxReconnects(-1),
		nats.Secure(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}))
	return err
}

// records reads every record there is.
func (r *reader) records(ctx context.Context) (all []tail.Event, err error) {
	err = tail.Tail(ctx, r.Conn, tail.Options{All: true, Once: true}, func(e *tail.Event) error {
		kept := *e
		kept.Raw = append([]byte(nil), e.Raw...)
		all = append(all, kept)
		return nil
	})
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil
	}
	return all, err
}

// leader is the server that leads the stream of records; servers are called as their pods.
func (r *reader) leader(ctx context.Context) (string, error) {
	js, err := jetstream.New(r.Conn)
	if err != nil {
		return "", err
	}
	stream, err := js.Stream(ctx, "AUDIT")
	if err != nil {
		return "", err
	}
	info, err := stream.Info(ctx)
	if err != nil || info.Cluster == nil {
		return "", fmt.Errorf("the stream of records has no leader: %w", err)
	}
	return info.Cluster.Leader, nil
}

// verify has bartizan prove that no record is missing or changed.
func (w *world) verify(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, filepath.Join(w.folder, "bin", "bartizan"), append([]string{"verify"}, w.reader.args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("bartizan verify: %w\n%s", err, out)
	}
	w.say("  %s", strings.TrimSpace(string(out)))
	return nil
}
