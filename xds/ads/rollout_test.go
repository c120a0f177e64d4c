package ads

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/google/go-cmp/cmp"

	"bartizan/xds/snapshot"
	state "bartizan/xds/status"
)

func TestRolloutOrder(t *testing.T) {
	s, connect := start(t, Options{AckTimeout: time.Hour})
	replica, proxy := extproc(t, s, connect, "extproc/a"), envoy(t, s, connect, "envoy/a")

	done := publish(t, s, commit("one", "openai"))
	got, resp := replica.bundle()
	if got != "one" {
		t.Fatalf("bundle of %s", got)
	}
	if st := s.Status(); st.Live != nil || st.Rollout.State != state.WaitingForExtproc {
		t.Errorf("before the ACK: %+v", st)
	}
	replica.ack(resp)
	proxy.take(resource.ClusterType, resource.ListenerType, resource.RouteType)
	must(t, done())

	done = publish(t, s, commit("two", "openai"))
	_, resp = replica.bundle()
	proxy.silent() // Envoy has nothing of it before the ACK
	replica.ack(resp)
	proxy.take(resource.ListenerType, resource.RouteType) // clusters are the same: not sent again
	must(t, done())
	two, err := newRelease(commit("two", "openai"))
	must(t, err)
	settled(t, s, func([]*node) bool { return allLive(s, two) })
	st := s.Status()
	if st.Live.Commit != "two" || st.Live.Version != "v-two" || st.Live.Nodes != 2 || st.Rollout.State != state.Done || st.Rollout.Nodes != 2 {
		t.Errorf("status %+v %+v", st.Live, st.Rollout)
	}
}

// allLive is called with the ledger locked.
func allLive(s *Server, r *release) bool {
	for _, n := range s.ledger.nodes {
		if !n.live(r) {
			return false
		}
	}
	return true
}

func TestNackStopsRollout(t *testing.T) {
	s, connect := start(t, Options{AckTimeout: time.Hour})
	good, bad := extproc(t, s, connect, "extproc/good"), extproc(t, s, connect, "extproc/bad")
	proxy := envoy(t, s, connect, "envoy/a")
	done := publish(t, s, commit("one"))
	good.take(BundleType)
	bad.take(BundleType)
	proxy.take(resource.ClusterType, resource.ListenerType, resource.RouteType)
	must(t, done())

	done = publish(t, s, commit("two"))
	good.take(BundleType)
	_, resp := bad.bundle()
	bad.nack(resp, "policies/x.yaml:3:4: unknown function")
	var nack *NackError
	if err := done(); !errors.As(err, &nack) || nack.Node != "extproc/bad" || !strings.Contains(err.Error(), "x.yaml:3:4") {
		t.Fatalf("got %v", err)
	}
	proxy.silent()
	if got, resp := good.bundle(); got != "one" {
		t.Errorf("after the stop, the good replica is served %s", got)
	} else {
		good.ack(resp)
	}
	st := s.Status()
	if st.Live.Commit != "one" || st.Rollout.Commit != "two" || st.Rollout.State != state.Stopped || !strings.Contains(st.Rollout.Reason, "x.yaml:3:4") {
		t.Errorf("status %+v %+v", st.Live, st.Rollout)
	}
	bad.take(BundleType)
	// The same commit again is a new attempt: the NACK of the first does not stop it.
	done = publish(t, s, commit("two"))
	good.take(BundleType)
	bad.take(BundleType)
	must(t, done())
	proxy.take(resource.ListenerType, resource.RouteType)
}

// TestNackOfFirstCommit has no bundle to go back to; the next commit is delivered all the same.
func TestNackOfFirstCommit(t *testing.T) {
	s, connect := start(t, Options{AckTimeout: time.Hour})
	replica := extproc(t, s, connect, "extproc/a")
	done := publish(t, s, commit("one"))
	_, resp := replica.bundle()
	replica.nack(resp, "no")
	if err := done(); err == nil {
		t.Fatal("the rollout was not stopped")
	}
	if s.Status().Live != nil {
		t.Error("a refused commit is in force")
	}
	done = publish(t, s, commit("two"))
	replica.take(BundleType)
	must(t, done())
}

func TestNoExtproc(t *testing.T) {
	s, connect := start(t, Options{AckTimeout: time.Hour})
	proxy := envoy(t, s, connect, "envoy/a")
	must(t, s.Publish(t.Context(), commit("one", "openai")))
	proxy.take(resource.ClusterType, resource.ListenerType, resource.RouteType)
}

func TestReplicaThatLeavesIsNotWaitedFor(t *testing.T) {
	s, connect := start(t, Options{AckTimeout: time.Hour})
	replica := extproc(t, s, connect, "extproc/a")
	done := publish(t, s, commit("one"))
	replica.bundle()
	replica.conn.Close()
	must(t, done())
}

func TestSupersede(t *testing.T) {
	s, connect := start(t, Options{AckTimeout: time.Hour})
	replica, proxy := extproc(t, s, connect, "extproc/a"), envoy(t, s, connect, "envoy/a")
	first := publish(t, s, commit("one"))
	_, one := replica.bundle()
	second := publish(t, s, commit("two"))
	if err := first(); !errors.Is(err, ErrSuperseded) {
		t.Fatalf("got %v", err)
	}
	replica.ack(one) // of a bundle that nobody waits for any more
	if got, resp := replica.bundle(); got != "two" {
		t.Fatalf("bundle of %s", got)
	} else {
		proxy.subscribe(resource.SecretType) // Envoy still waits for its first snapshot
		replica.ack(resp)
	}
	must(t, second())
	settled(t, s, func(nodes []*node) bool { return len(find(nodes, "envoy/a").types) == 4 })
	if got := s.Status(); got.Live.Commit != "two" || got.Rollout.Commit != "two" || got.Rollout.State != state.Done {
		t.Errorf("status %+v %+v", got.Live, got.Rollout)
	}
}

func TestCanceled(t *testing.T) {
	s, connect := start(t, Options{AckTimeout: time.Hour})
	replica := extproc(t, s, connect, "extproc/a")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Publish(ctx, commit("one")) }()
	replica.bundle()
	stop := errors.New("terminated signal received")
	cancel(stop)
	if err := <-done; !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	if st := s.Status(); st.Rollout.State != state.Canceled || st.Live != nil {
		t.Errorf("status %+v", st.Rollout)
	}
}

// TestMakeBeforeBreak removes a cluster: it goes only after the routes that no longer name it are acknowledged.
func TestMakeBeforeBreak(t *testing.T) {
	s, connect := start(t, Options{AckTimeout: time.Hour})
	proxy := envoy(t, s, connect, "envoy/a")
	must(t, s.Publish(t.Context(), commit("one", "openai", "old")))
	proxy.take(resource.ClusterType, resource.ListenerType, resource.RouteType)
	one, err := newRelease(commit("one", "openai", "old"))
	must(t, err)
	settled(t, s, func([]*node) bool { return allLive(s, one) })

	done := publish(t, s, commit("two", "openai", "new"))
	resp := proxy.expect(resource.ClusterType)
	if d := cmp.Diff([]string{"new"}, names(resp)); d != "" || len(resp.GetRemovedResources()) > 0 {
		t.Errorf("first step: removed %v, added %s", resp.GetRemovedResources(), d)
	}
	proxy.ack(resp)
	proxy.take(resource.ListenerType)
	if st := s.Status(); st.Live.Commit != "two" || st.Rollout.State != state.WaitingForEnvoy {
		t.Errorf("status %+v %+v", st.Live, st.Rollout)
	}
	proxy.take(resource.RouteType)
	resp = proxy.expect(resource.ClusterType)
	if d := cmp.Diff([]string{"old"}, resp.GetRemovedResources()); d != "" || len(resp.GetResources()) > 0 {
		t.Errorf("second step: added %v, removed %s", names(resp), d)
	}
	must(t, done())
}

// TestEnvoyThatRefusesKeepsOldClusters: its old routes still name them.
func TestEnvoyThatRefusesKeepsOldClusters(t *testing.T) {
	s, connect := start(t, Options{AckTimeout: time.Hour})
	proxy := envoy(t, s, connect, "envoy/a")
	must(t, s.Publish(t.Context(), commit("one", "old")))
	proxy.take(resource.ClusterType, resource.ListenerType, resource.RouteType)
	done := publish(t, s, commit("two", "new"))
	proxy.take(resource.ClusterType, resource.ListenerType)
	proxy.nack(proxy.expect(resource.RouteType), "no such filter")
	must(t, done())
	proxy.silent()
	st := s.Status()
	if st.Live.Commit != "two" || st.Live.Nodes != 0 {
		t.Errorf("status %+v", st.Live)
	}
	i := slices.IndexFunc(st.Nodes[0].Types, func(x state.Type) bool { return x.Name == "route" })
	if nack := st.Nodes[0].Types[i].Nack; nack == nil || nack.Detail != "no such filter" {
		t.Errorf("types %+v", st.Nodes[0].Types)
	}
	done = publish(t, s, commit("three", "new"))
	proxy.take(resource.ListenerType, resource.RouteType)
	if resp := proxy.expect(resource.ClusterType); cmp.Diff([]string{"old"}, resp.GetRemovedResources()) != "" {
		t.Errorf("removed %v", resp.GetRemovedResources())
	} else {
		proxy.ack(resp)
	}
	must(t, done())
}

func TestLateReplicaDoesNotStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		node := &core.Node{Id: "extproc/slow"}
		err := s.ledger.request(stream{1, 1}, &discovery.DeltaDiscoveryRequest{Node: node, TypeUrl: BundleType})
		must(t, err)
		begun := time.Now()
		must(t, s.Publish(t.Context(), commit("one")))
		if waited := time.Since(begun); waited != DefaultAckTimeout {
			t.Errorf("waited %s", waited)
		}
		st := s.Status()
		if st.Live.Commit != "one" || st.Rollout.State != state.Done || !strings.Contains(st.Rollout.Reason, "extproc/slow") {
			t.Errorf("status %+v %+v", st.Live, st.Rollout)
		}
	})
}

func TestPublishRefuses(t *testing.T) {
	twice := commit("x", "a", "a")
	unnamed := commit("x", "")
	tests := map[string]struct {
		snap *snapshot.Snapshot
		want string
	}{
		"nil":       {nil, "no bundle in it"},
		"no commit": {commit(""), "no commit named"},
		"twice":     {twice, `cluster: two resources named "a"`},
		"unnamed":   {unnamed, "cluster: a resource without a name"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := New(Options{})
			if err := s.Publish(t.Context(), tc.snap); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
			if s.Status().Rollout != nil {
				t.Error("a rollout was begun")
			}
		})
	}
}
