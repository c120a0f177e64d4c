package chart

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	corev1 "k8s.io/api/core/v1"
)

// natsFiles renders values and writes what a NATS pod has mounted, below a folder. It returns the passwords of the users.
func natsFiles(t *testing.T, values map[string]any) (dir string, passwords map[string]string) {
	t.Helper()
	texts, err := Render(load(t), values)
	if err != nil {
		t.Fatal(err)
	}
	dir, passwords = t.TempDir(), map[string]string{}
	for _, doc := range Documents(texts) {
		object, _, err := decoder.Decode([]byte(doc), nil, nil)
		if err != nil {
			continue
		}
		switch o := object.(type) {
		case *corev1.ConfigMap:
			if o.Name == "bartizan-nats" {
				writeFiles(t, filepath.Join(dir, "nats"), o.Data)
			}
		case *corev1.Secret:
			if o.Name == "bartizan-nats-users" {
				writeFiles(t, filepath.Join(dir, "nats-users"), o.StringData)
			}
			if user, ok := o.StringData["username"]; ok {
				passwords[user] = o.StringData["password"]
			}
			if o.Name == "bartizan-nats-tls" {
				files := map[string]string{}
				for name, data := range o.Data {
					files[name] = string(data)
				}
				writeFiles(t, filepath.Join(dir, "mtls"), files)
			}
		}
	}
	return dir, passwords
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// startNATS starts one server as a pod would, with its configuration and certificate, but for addresses and folders, and alone.
func startNATS(t *testing.T) (url, ca string, passwords map[string]string) {
	t.Helper()
	dir, passwords := natsFiles(t, valuesFiles(t)["cluster"])
	file := filepath.Join(dir, "nats", "nats.conf")
	text := strings.NewReplacer("/etc/bartizan/mtls", filepath.Join(dir, "mtls"), "/data", filepath.Join(dir, "data")).Replace(read(t, file))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("POD_NAME", "bartizan-nats-0")
	options, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if options.Cluster.Name != "bartizan" || len(options.Routes) != 3 || options.Cluster.Username != "route" || options.Cluster.TLSConfig == nil {
		t.Errorf("cluster %q with %d routes and user %q", options.Cluster.Name, len(options.Routes), options.Cluster.Username)
	}
	if route := options.Routes[2].Host; route != "bartizan-nats-2.bartizan-nats-peers.ai.svc:6222" {
		t.Errorf("third route to %s", route)
	}
	options.Cluster, options.Routes = server.ClusterOpts{}, nil
	options.Host, options.Port, options.HTTPHost, options.HTTPPort, options.NoSigs, options.NoLog = "127.0.0.1", -1, "", 0, true, true
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("NATS does not start")
	}
	return s.ClientURL(), filepath.Join(dir, "mtls", "ca.crt"), passwords
}

// TestNATSUsers: the gateway may fill the stream and read where it stands in it, the reader may read, and nobody may delete. All over TLS
// with the certificate that the chart made.
func TestNATSUsers(t *testing.T) {
	url, ca, passwords := startNATS(t)
	refusals := make(chan error, 64)
	connect := func(user string) (*nats.Conn, jetstream.JetStream) {
		nc, err := nats.Connect(url, nats.UserInfo(user, passwords[user]), nats.RootCAs(ca), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refusals <- err }))
		if err != nil {
			t.Fatalf("%s: %v", user, err)
		}
		t.Cleanup(nc.Close)
		js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		return nc, js
	}
	gatewayConn, gateway := connect("gateway")
	readerConn, reader := connect("reader")
	ctx := t.Context()
	audit := jetstream.StreamConfig{Name: "AUDIT", Subjects: []string{"audit.v1.>"}, MaxBytes: 8 << 30}
	if _, err := gateway.CreateStream(ctx, audit); err != nil {
		t.Fatalf("the gateway makes the stream: %v", err)
	}
	if _, err := gateway.Publish(ctx, "audit.v1.default.llm.allow", []byte("{}")); err != nil {
		t.Errorf("the gateway publishes: %v", err)
	}
	for name, js := range map[string]jetstream.JetStream{"gateway": gateway, "reader": reader} {
		if err := readOne(ctx, js); err != nil {
			t.Errorf("the %s reads: %v", name, err)
		}
	}

	for _, subject := range replicaSubjects(t) {
		if err := hears(gatewayConn, subject); err != nil {
			t.Errorf("replicas speak to each other on %s: %v", subject, err)
		}
	}

	for name, act := range map[string]func() error{
		"gateway deletes":       func() error { return gateway.DeleteStream(ctx, "AUDIT") },
		"gateway purges":        func() error { return purge(gatewayConn) },
		"gateway changes":       func() error { _, err := gateway.UpdateStream(ctx, audit); return err },
		"gateway makes another": func() error { _, err := gateway.CreateStream(ctx, jetstream.StreamConfig{Name: "OTHER"}); return err },
		"reader publishes":      func() error { _, err := reader.Publish(ctx, "audit.v1.default.llm.allow", nil); return err },
		"reader deletes":        func() error { return reader.DeleteStream(ctx, "AUDIT") },
		"reader makes one":      func() error { _, err := reader.CreateStream(ctx, jetstream.StreamConfig{Name: "OTHER"}); return err },
		"reader listens":        func() error { return listen(readerConn, refusals) },
		"gateway listens":       func() error { return listen(gatewayConn, refusals) },
		"a stranger connects": func() error {
			_, err := nats.Connect(url, nats.RootCAs(ca))
			return err
		},
	} {
		if err := act(); err == nil {
			t.Errorf("%s: nobody refused it", name)
		}
	}
}

func readOne(ctx context.Context, js jetstream.JetStream) error {
	s, err := js.Stream(ctx, "AUDIT")
	if err != nil {
		return err
	}
	c, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy})
	if err != nil {
		return err
	}
	_, err = c.Next(jetstream.FetchMaxWait(5 * time.Second))
	return err
}

// replicaSubjects are what replicas of extproc tell each other without a stream, as the product's source has it.
func replicaSubjects(t *testing.T) (subjects []string) {
	t.Helper()
	for _, m := range inSource(t, `"(bartizan\.v1\.[a-z]+)"`) {
		subjects = append(subjects, m+".one")
	}
	if len(subjects) == 0 {
		t.Fatal("no subjects found: the search is broken")
	}
	return subjects
}

func hears(nc *nats.Conn, subject string) error {
	sub, err := nc.SubscribeSync(subject[:strings.LastIndex(subject, ".")] + ".*")
	if err != nil {
		return err
	}
	if err := nc.Publish(subject, nil); err != nil {
		return err
	}
	_, err = sub.NextMsg(2 * time.Second)
	return err
}

func purge(nc *nats.Conn) error {
	_, err := nc.Request("$JS.API.STREAM.PURGE.AUDIT", nil, time.Second)
	return err
}

var violation = regexp.MustCompile(`(?i)permissions violation`)

// listen subscribes to everything; the server's refusal comes back by itself.
func listen(nc *nats.Conn, refusals <-chan error) error {
	if _, err := nc.SubscribeSync(">"); err != nil {
		return err
	}
	if err := nc.Flush(); err != nil {
		return err
	}
	for {
		select {
		case err := <-refusals:
			if violation.MatchString(err.Error()) && strings.Contains(err.Error(), `Subscription to ">"`) {
				return errors.New("refused")
			}
		case <-time.After(2 * time.Second):
			return nil
		}
	}
}
