package stream_test

import (
	"testing"
	"time"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"bartizan/extproc/sealed"
	"bartizan/extproc/stream"
	"bartizan/filters"
)

// TestCallerIsSealedForTheAggregator and for nobody else: its key goes no further than here, and a header of its own neither.
func TestCallerIsSealedForTheAggregator(t *testing.T) {
	key, now := sealed.NewKey(), time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	answer := func(route, headers string) (*extproc.ProcessingResponse, *stream.Machine) {
		m := stream.New(stream.Config{
			ID: "0193-test", Bundle: testBundle(t, "durable"), Stamp: stream.NewStamp("test"), Clock: func() time.Time { return now }, Sealed: key,
		})
		out := m.Step(message(t, "request_headers", ":method=POST :path=/mcp content-length=2 "+headers+" @route="+route))
		if len(out.Send) != 1 {
			t.Fatalf("%s: %d answers", route, len(out.Send))
		}
		return out.Send[0], m
	}
	ways := func(r *extproc.ProcessingResponse) (set, removed map[string]string) {
		set, removed = map[string]string{}, map[string]string{}
		mutation := r.GetRequestHeaders().GetResponse().GetHeaderMutation()
		for _, h := range mutation.GetSetHeaders() {
			set[h.GetHeader().GetKey()] = string(h.GetHeader().GetRawValue())
		}
		for _, name := range mutation.GetRemoveHeaders() {
			removed[name] = name
		}
		return set, removed
	}

	r, _ := answer("mcp", "authorization=Bearer+bz-alice x-bartizan-caller=mine")
	set, removed := ways(r)
	c, ok := key.OpenCaller(sealed.ToAggregator, set[sealed.CallerHeader], now)
	if !ok || c.Identity.User != "alice" || c.Exchange != "0193-test" || c.SourceIP != "192.0.2.7" || removed["authorization"] == "" {
		t.Errorf("the aggregator hears of %+v (%t), without %v", c, ok, removed)
	}

	bob := sealed.Caller{Identity: filters.Identity{Method: "virtual_key", User: "bob"}, SourceIP: "198.51.100.1", Exchange: "outer"}
	r, m := answer("mcp/warehouse", "x-bartizan-caller="+key.SealCaller(sealed.ToGate, bob, now))
	set, removed = ways(r)
	if len(set) > 0 || removed[sealed.CallerHeader] == "" {
		t.Errorf("the server is sent %v, without %v", set, removed)
	}
	if x := m.Close().Record.Exchange; x.Identity.User != "bob" || x.Parent != "outer" || x.Request.SourceIP != "198.51.100.1" {
		t.Errorf("the exchange is of %+v, parent %q, from %s", x.Identity, x.Parent, x.Request.SourceIP)
	}

	for name, c := range map[string]struct{ route, value string }{
		"made for the other way": {"mcp/warehouse", key.SealCaller(sealed.ToAggregator, bob, now)},
		"that is old":            {"mcp/warehouse", key.SealCaller(sealed.ToGate, bob, now.Add(-2*time.Minute))},
		"of another process":     {"mcp/warehouse", sealed.NewKey().SealCaller(sealed.ToGate, bob, now)},
		"at the endpoint itself": {"mcp", key.SealCaller(sealed.ToGate, bob, now)},
	} {
		if r, _ := answer(c.route, "x-bartizan-caller="+c.value); r.GetImmediateResponse().GetStatus().GetCode() != 403 {
			t.Errorf("a seal %s is answered with %v", name, r)
		}
	}
}
