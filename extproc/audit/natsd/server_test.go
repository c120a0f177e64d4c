package natsd

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func mustStart(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func connect(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url, nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestUsers(t *testing.T) {
	dir := t.TempDir()
	s := mustStart(t, Options{StateDir: dir})
	defer s.Shutdown()
	gateway := connect(t, s.GatewayURL())
	audit, err := gateway.CreateStream(t.Context(), jetstream.StreamConfig{Name: "AUDIT", Subjects: []string{"audit.v1.>"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gateway.Publish(t.Context(), "audit.v1.a.b.c", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	url, err := ReadURL(dir)
	if err != nil || url != s.URL() {
		t.Fatalf("url file: %v", err)
	}
	reader := connect(t, url)
	if _, err := reader.Stream(t.Context(), "AUDIT"); err != nil {
		t.Errorf("the reader cannot read: %v", err)
	}
	for name, try := range map[string]func(ctx context.Context) error{
		"reader publishes": func(ctx context.Context) error {
			_, err := reader.Publish(ctx, "audit.v1.a.b.c", nil)
			return err
		},
		"reader creates a stream": func(ctx context.Context) error {
			_, err := reader.CreateStream(ctx, jetstream.StreamConfig{Name: "X"})
			return err
		},
		"reader deletes the stream":  func(ctx context.Context) error { return reader.DeleteStream(ctx, "AUDIT") },
		"gateway deletes the stream": func(ctx context.Context) error { return gateway.DeleteStream(ctx, "AUDIT") },
		"gateway deletes a record": func(ctx context.Context) error {
			return audit.DeleteMsg(ctx, 1)
		},
		"gateway changes the stream": func(ctx context.Context) error {
			_, err := gateway.UpdateStream(ctx, jetstream.StreamConfig{Name: "AUDIT", Subjects: []string{"audit.v1.>"}, MaxMsgs: 1})
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if err := try(ctx); err == nil {
			t.Errorf("%s: allowed", name)
		}
		cancel()
	}
	if _, err := nats.Connect("nats://" + s.Addr()); err == nil {
		t.Error("a client without a password is let in")
	}
	for _, name := range []string{ReaderFile, GatewayFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestRestartKeepsStreamsAndPasswords(t *testing.T) {
	dir := t.TempDir()
	s := mustStart(t, Options{StateDir: dir})
	url, addr := s.GatewayURL(), s.Addr()
	js := connect(t, url)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "AUDIT", Subjects: []string{"audit.v1.>"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "audit.v1.a.b.c", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(Options{StateDir: dir}); err == nil || !strings.Contains(err.Error(), "another server") {
		t.Errorf("a second server in the directory: %v", err)
	}
	s.Shutdown()
	again := mustStart(t, Options{StateDir: dir, Addr: addr})
	defer again.Shutdown()
	if again.GatewayURL() != url {
		t.Error("the url has changed")
	}
	stream, err := connect(t, url).Stream(t.Context(), "AUDIT")
	if err != nil {
		t.Fatal(err)
	}
	if m, err := stream.GetMsg(t.Context(), 1); err != nil || string(m.Data) != "kept" {
		t.Errorf("message %v, %v", m, err)
	}
}

func TestRefusedAddresses(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":4222", "192.0.2.1:0", "nonsense"} {
		if s, err := Start(Options{StateDir: t.TempDir(), Addr: addr}); err == nil {
			s.Shutdown()
			t.Errorf("listens on %s", addr)
		}
	}
}

func TestLogsNoSecret(t *testing.T) {
	var log strings.Builder
	s := mustStart(t, Options{StateDir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	_, reader := credentials(s.URL())
	_, gateway := credentials(s.GatewayURL())
	s.Shutdown()
	if got := log.String(); !strings.Contains(got, "Server is ready") || strings.Contains(got, reader) || strings.Contains(got, gateway) {
		t.Errorf("log:\n%s", got)
	}
	if got := log.String(); strings.Contains(got, "level=INFO") || strings.Contains(got, "level=WARN") {
		t.Errorf("a start and an end are no news:\n%s", got)
	}
}
