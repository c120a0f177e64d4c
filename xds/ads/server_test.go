package ads

import (
	"fmt"
	"strings"
	"testing"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestNothingBeforeFirstCommit: a server that has just started must not take away what its nodes have.
func TestNothingBeforeFirstCommit(t *testing.T) {
	s, connect := start(t, Options{AckTimeout: time.Hour})
	replica := connect("extproc/a")
	replica.send(&discovery.DeltaDiscoveryRequest{
		TypeUrl: BundleType, ResourceNamesSubscribe: []string{BundleName}, InitialResourceVersions: map[string]string{BundleName: "old"},
	})
	settled(t, s, func(nodes []*node) bool { return len(nodes) == 1 })
	done := publish(t, s, commit("one"))
	if got, resp := replica.bundle(); got != "one" || len(resp.GetRemovedResources()) > 0 {
		t.Errorf("first response: %s, removed %v", got, resp.GetRemovedResources())
	} else {
		replica.ack(resp)
	}
	must(t, done())
}

func TestReconnectSendsNothingNew(t *testing.T) {
	s, connect := start(t, Options{AckTimeout: time.Hour})
	must(t, s.Publish(t.Context(), commit("one")))
	first := connect("extproc/a")
	first.subscribe(BundleType, BundleName)
	_, resp := first.bundle()
	first.ack(resp)
	first.conn.Close()
	settled(t, s, func(nodes []*node) bool { return len(nodes) == 0 })

	version := resp.GetResources()[0].GetVersion()
	again := connect("extproc/a")
	again.send(&discovery.DeltaDiscoveryRequest{
		TypeUrl: BundleType, ResourceNamesSubscribe: []string{BundleName}, InitialResourceVersions: map[string]string{BundleName: version},
	})
	again.silent()
	st := s.Status()
	if len(st.Nodes) != 1 || !st.Nodes[0].Live || st.Live.Nodes != 1 {
		t.Errorf("a node that has it all is not live: %+v", st.Nodes)
	}
	done := publish(t, s, commit("two"))
	again.take(BundleType)
	must(t, done())
	if same := publish(t, s, commit("two")); same() != nil { // already acknowledged: nothing to send, nobody to wait for
		t.Error("publishing the same commit again")
	}
}

func TestClassesAreApart(t *testing.T) {
	s, connect := start(t, Options{AckTimeout: time.Hour})
	must(t, s.Publish(t.Context(), commit("one", "openai")))
	tests := []struct {
		id, url, name string
	}{
		{"extproc/a", resource.SecretType, "key"},
		{"envoy/a", BundleType, BundleName},
	}
	for _, tc := range tests {
		c := connect(tc.id)
		c.subscribe(tc.url, tc.name)
		c.subscribe(tc.url, "*")
		if resp := c.expect(tc.url); len(resp.GetResources()) > 0 {
			t.Errorf("%s is served %v", tc.id, names(resp))
		}
		c.silent() // and the stream lives
	}
	c := connect("envoy/b")
	c.subscribe(resource.SecretType, "key")
	if got := names(c.expect(resource.SecretType)); cmp.Diff([]string{"key"}, got) != "" {
		t.Errorf("Envoy's secrets: %v", got)
	}
}

func TestStreamsThatAreRefused(t *testing.T) {
	_, connect := start(t, Options{})
	tests := map[string]struct {
		id   string
		more func(*client)
		code codes.Code
		want string
	}{
		"no id":         {id: "", code: codes.InvalidArgument, want: "node id"},
		"no name":       {id: "envoy/", code: codes.InvalidArgument, want: "node id"},
		"unknown class": {id: "router/a", code: codes.InvalidArgument, want: "node id"},
		"long id":       {id: "envoy/" + strings.Repeat("x", maxNodeID), code: codes.InvalidArgument, want: "node id"},
		"another id": {id: "extproc/a", code: codes.InvalidArgument, want: "changed in mid-stream", more: func(c *client) {
			c.send(&discovery.DeltaDiscoveryRequest{Node: &core.Node{Id: "envoy/a"}, TypeUrl: resource.SecretType})
		}},
		"many types": {id: "envoy/a", code: codes.ResourceExhausted, want: "16 types", more: func(c *client) {
			for i := range maxTypes {
				c.subscribe(fmt.Sprintf("type.googleapis.com/example.T%d", i), "x")
			}
		}},
		"many names": {id: "envoy/a", code: codes.ResourceExhausted, want: "10000 resource", more: func(c *client) {
			c.subscribe(resource.RouteType, make([]string, maxResources+1)...)
		}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := connect(tc.id)
			c.subscribe(resource.ClusterType)
			if tc.more != nil {
				tc.more(c)
			}
			_, err := c.stream.Recv()
			if status.Code(err) != tc.code || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %s: %s", err, tc.code, tc.want)
			}
		})
	}
}

func TestStateOfTheWorldIsNotServed(t *testing.T) {
	_, connect := start(t, Options{})
	c := connect("envoy/a")
	str, err := discovery.NewAggregatedDiscoveryServiceClient(c.conn).StreamAggregatedResources(t.Context())
	must(t, err)
	if _, err := str.Recv(); status.Code(err) != codes.Unimplemented {
		t.Errorf("got %v", err)
	}
}

func TestReject(t *testing.T) {
	s := New(Options{})
	must(t, s.Publish(t.Context(), commit("one")))
	s.Reject("two", []string{"a.yaml:1:2: no such field", strings.Repeat("x", 2*maxErrorBytes)})
	st := s.Status()
	if st.Live.Commit != "one" || st.Rejected.Commit != "two" || st.Rejected.Errors[0] != "a.yaml:1:2: no such field" {
		t.Errorf("status %+v", st.Rejected)
	}
	if n := len(st.Rejected.Errors[1]); n != maxErrorBytes {
		t.Errorf("kept %d bytes of an error", n)
	}
	must(t, s.Publish(t.Context(), commit("three")))
	if s.Status().Rejected != nil {
		t.Error("a good commit does not clear the rejection")
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	s, connect := start(t, Options{AckTimeout: time.Hour, Registerer: reg})
	replica := extproc(t, s, connect, "extproc/a")
	done := publish(t, s, commit("one"))
	replica.take(BundleType)
	must(t, done())
	done = publish(t, s, commit("two"))
	_, resp := replica.bundle()
	replica.nack(resp, "no")
	if done() == nil {
		t.Error("not stopped")
	}
	s.Reject("three", nil)
	want := map[string]float64{
		`nodes{extproc}`: 1, `nodes{envoy}`: 0,
		`acks_total{extproc,bundle}`: 1, `nacks_total{extproc,bundle}`: 1, `nacks_total{envoy,route}`: 0,
		`commit_info{one,v-one}`: 1,
		`rollouts_total{done}`:   1, `rollouts_total{stopped}`: 1, `rollouts_total{rejected}`: 1, `rollouts_total{superseded}`: 0,
	}
	got := gather(t, reg)
	for k := range got {
		if _, ok := want[k]; !ok {
			delete(got, k)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// gather returns values by name{label values}.
func gather(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	must(t, err)
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			name := strings.TrimPrefix(f.GetName(), "bartizan_xds_")
			out[name+"{"+strings.Join(labels, ",")+"}"] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return out
}
