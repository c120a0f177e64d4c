package bundle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"bartizan/xds/bundlepb"
)

// document is a sound bundle of that version.
func document(version string) *bundlepb.Bundle {
	digest := sha256.Sum256([]byte("bz-alice"))
	return &bundlepb.Bundle{
		Version: version, Commit: "commit-" + version,
		Routes: []*bundlepb.Route{
			{Name: "llm", Surface: "llm", Target: "anthropic", Dialect: "anthropic", Operation: "messages"},
			{Name: "mcp", Surface: "mcp", Target: "warehouse"},
		},
		VirtualKeys: []*bundlepb.VirtualKey{{Name: "laptop", Sha256: digest[:], User: "alice"}},
		Policies: []*bundlepb.Policy{{
			Name: "models", File: "models.yaml", Surface: "llm", FailurePolicy: "Fail", Mode: "Enforce",
			Rules: []*bundlepb.Rule{{Name: "no-opus", Expression: &bundlepb.Expression{Text: "llm.model == 'opus'", Line: 3, Column: 7}, Action: "deny", Severity: "high", Reason: "No."}},
		}},
		McpServers: []*bundlepb.McpServer{{Name: "warehouse", Tools: []*bundlepb.McpTool{{Name: "query", ReadOnly: new(true)}}}},
		Audit:      &bundlepb.Audit{Mode: "durable", Payload: "digest"}, Limits: &bundlepb.Limits{RequestBytes: 4096},
	}
}

// control is a control server that says what the test tells it to.
type control struct {
	discovery.UnimplementedAggregatedDiscoveryServiceServer
	requests chan *discovery.DeltaDiscoveryRequest
	say      chan *discovery.DeltaDiscoveryResponse
	hangUp   chan struct{}
}

func (c *control) DeltaAggregatedResources(s discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	broken := make(chan struct{})
	go func() {
		defer close(broken)
		for {
			r, err := s.Recv()
			if err != nil {
				return
			}
			select {
			case c.requests <- r:
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case r := <-c.say:
			if err := s.Send(r); err != nil {
				return err
			}
		case <-c.hangUp:
			return errors.New("hung up")
		case <-broken:
			return nil
		}
	}
}

// ask returns the client's next request.
func (c *control) ask(t *testing.T) *discovery.DeltaDiscoveryRequest {
	t.Helper()
	select {
	case r := <-c.requests:
		return r
	case <-time.After(20 * time.Second):
		t.Fatal("the client asks nothing")
		return nil
	}
}

func (c *control) give(t *testing.T, nonce string, m proto.Message) {
	t.Helper()
	packed, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	c.say <- &discovery.DeltaDiscoveryResponse{TypeUrl: TypeURL, Nonce: nonce, Resources: []*discovery.Resource{{Name: Resource, Resource: packed}}}
}

// start runs a control server and a client that follows it.
func start(t *testing.T, dir string) (*control, *Client, *prometheus.Registry) {
	t.Helper()
	c := &control{requests: make(chan *discovery.DeltaDiscoveryRequest), say: make(chan *discovery.DeltaDiscoveryResponse), hangUp: make(chan struct{})}
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(server, c)
	ctx, cancel := context.WithCancel(t.Context())
	reg := prometheus.NewRegistry()
	client := NewClient("extproc/n1", Store{Dir: dir}, slog.New(slog.DiscardHandler), reg)
	conn, err := grpc.NewClient("unix:"+l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() { _ = server.Serve(l) })
	all.Go(func() {
		if err := client.Run(ctx, conn); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); server.Stop(); all.Wait(); conn.Close() })
	return c, client, reg
}

func value(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue() + f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestFollow(t *testing.T) {
	dir := t.TempDir()
	c, client, reg := start(t, dir)

	first := c.ask(t)
	if first.GetNode().GetId() != "extproc/n1" || first.GetTypeUrl() != TypeURL || len(first.GetInitialResourceVersions()) != 0 ||
		strings.Join(first.GetResourceNamesSubscribe(), " ") != Resource {
		t.Errorf("subscribes with %v", first)
	}
	if client.Current() != nil {
		t.Fatal("decides without a bundle")
	}
	c.give(t, "n1", document("v1"))
	if ack := c.ask(t); ack.GetResponseNonce() != "n1" || ack.GetErrorDetail() != nil {
		t.Errorf("answers a good bundle with %v", ack)
	}
	<-client.Ready()
	if b := client.Current(); b.Version != "v1" || b.Commit != "commit-v1" {
		t.Errorf("in force: %s", b.Version)
	}

	bad := document("v2")
	bad.Policies[0].Rules[0].Expression.Text = "llm.modell == 'opus'"
	bad.Policies[0].Rules = append(bad.Policies[0].Rules, proto.Clone(bad.Policies[0].Rules[0]).(*bundlepb.Rule))
	bad.Policies[0].Rules[1].Expression = &bundlepb.Expression{Text: "llm.", Line: 9, Column: 1}
	refused := []struct {
		name string
		give func(nonce string)
		want []string
	}{
		{"a bundle that does not compile", func(n string) { c.give(t, n, bad) }, []string{"models.yaml:3:", "modell", "models.yaml:9:"}},
		{"another message", func(n string) { c.give(t, n, &bundlepb.Limits{}) }, []string{"decode bundle"}},
		{"a removal", func(n string) {
			c.say <- &discovery.DeltaDiscoveryResponse{TypeUrl: TypeURL, Nonce: n, RemovedResources: []string{Resource}}
		}, []string{"removed"}},
		{"a rule without its expression", func(n string) {
			d := document("v3")
			d.Policies[0].Rules[0].Expression = nil
			c.give(t, n, d)
		}, []string{"models.yaml"}},
	}
	for i, r := range refused {
		nonce := string(rune('a' + i))
		r.give(nonce)
		nack := c.ask(t)
		if nack.GetResponseNonce() != nonce || nack.GetErrorDetail().GetCode() != int32(codes.InvalidArgument) {
			t.Errorf("%s is answered with %v", r.name, nack)
		}
		for _, want := range r.want {
			if !strings.Contains(nack.GetErrorDetail().GetMessage(), want) {
				t.Errorf("%s: the NACK does not say %q: %s", r.name, want, nack.GetErrorDetail().GetMessage())
			}
		}
		if v := client.Current().Version; v != "v1" {
			t.Errorf("%s: %s is in force", r.name, v)
		}
	}
	if n := value(t, reg, "bartizan_extproc_bundle_nacks_total"); n != float64(len(refused)) {
		t.Errorf("%v NACKs counted", n)
	}

	c.give(t, "n4", document("v4")) // a good one after bad ones
	if ack := c.ask(t); ack.GetErrorDetail() != nil || client.Current().Version != "v4" {
		t.Errorf("answers with %v", ack)
	}

	c.hangUp <- struct{}{} // the client comes again, and says what it has
	if again := c.ask(t); again.GetInitialResourceVersions()[Resource] != "v4" || again.GetNode().GetId() != "extproc/n1" {
		t.Errorf("comes again with %v", again)
	}
	if v := client.Current().Version; v != "v4" {
		t.Errorf("%s is in force while the control server was away", v)
	}

	restarted := NewClient("extproc/n1", Store{Dir: dir}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	select {
	case <-restarted.Ready():
	default:
		t.Fatal("a restarted replica is not ready")
	}
	if b := restarted.Current(); b.Version != "v4" {
		t.Errorf("a restarted replica decides by %s", b.Version)
	}
	if _, known := restarted.Current().Identify("bz-alice"); !known {
		t.Error("a restarted replica does not know its keys")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("files left: %q", left)
	}
}

// What is on disk and cannot be used is said, and ignored.
func TestRestore(t *testing.T) {
	broken, err := proto.Marshal(&bundlepb.Bundle{Version: "v9"})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"torn": []byte("\x0a\xff\xff"), "of another version": broken, "empty": {}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "bundle.pb"), content, 0o600); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			c := NewClient("extproc/n1", Store{Dir: dir}, slog.New(slog.NewTextHandler(&log, nil)), prometheus.NewRegistry())
			if c.Current() != nil || !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "cannot be used") {
				t.Errorf("in force: %v; said: %s", c.Current(), log.String())
			}
		})
	}
}

// A bundle that cannot be kept is in force all the same.
func TestDiskIsNoCondition(t *testing.T) {
	var log bytes.Buffer
	c := NewClient("extproc/n1", Store{Dir: filepath.Join(t.TempDir(), "absent")}, slog.New(slog.NewTextHandler(&log, nil)), prometheus.NewRegistry())
	packed, err := anypb.New(document("v1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.apply(&discovery.DeltaDiscoveryResponse{Resources: []*discovery.Resource{{Resource: packed}}}); err != nil || c.Current() == nil {
		t.Errorf("in force: %v, %v", c.Current(), err)
	}
	if !strings.Contains(log.String(), "not kept on disk") {
		t.Errorf("said: %s", log.String())
	}
}

// away is a control server that cannot be reached.
type away struct {
	grpc.ClientConnInterface
	tries []time.Time
	stays time.Duration // how long each stream holds
}

func (a *away) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	a.tries = append(a.tries, time.Now())
	time.Sleep(a.stays)
	return nil, errors.New("away")
}

// The waits grow to MaxBackoff and no further, and begin anew after a stream that held.
func TestBackoff(t *testing.T) {
	for _, tt := range []struct {
		stays    time.Duration
		min, max []time.Duration // of each wait
	}{
		{0, []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000}, []time.Duration{200, 400, 800, 1600, 3200, 6400, 10000, 10000, 10000}},
		{time.Minute, []time.Duration{100, 100, 100}, []time.Duration{200, 200, 200}},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := NewClient("extproc/n1", Store{}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
			ctx, cancel := context.WithCancel(t.Context())
			a := &away{stays: tt.stays}
			done := make(chan error)
			go func() { done <- c.Run(ctx, a) }()
			time.Sleep(time.Hour)
			cancel()
			if err := <-done; err != nil {
				t.Errorf("run: %v", err)
			}
			for i := range tt.min {
				wait := a.tries[i+1].Sub(a.tries[i]) - tt.stays
				if wait < tt.min[i]*time.Millisecond || wait > tt.max[i]*time.Millisecond {
					t.Errorf("wait %d is %v, want %d to %d ms", i, wait, tt.min[i], tt.max[i])
				}
			}
		})
	}
}
