package gen_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bartizan/test/load/gen"
)

func serve(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func run(t *testing.T, req gen.Request, l gen.Load) gen.Result {
	t.Helper()
	r, err := gen.Run(t.Context(), req, l)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Connections stay open, and requests arrive as they were described.
func TestClosedLoop(t *testing.T) {
	var conns atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.Host != "models.test" || r.Header.Get("X-Api-Key") != "k" || string(body) != "{}" {
			t.Errorf("got %s %s %v %q", r.Method, r.Host, r.Header, body)
		}
		io.WriteString(w, "12345")
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	header := http.Header{"host": {"models.test"}, "x-api-key": {"k"}}
	got := run(t, gen.Request{URL: s.URL + "/x?y=1", Header: header, Body: []byte("{}")}, gen.Load{Workers: 3, Count: 60})
	if got.Requests != 60 || got.Failed != 0 || got.Bytes != 300 || got.Latency.Count != 60 || got.FirstByte.Count != 60 {
		t.Errorf("got %+v", got)
	}
	if n := conns.Load(); n > 4 { // one of them asks whether the target is there
		t.Errorf("%d connections for 3 workers", n)
	}
	if got.Latency.P50 <= 0 || got.FirstByte.P50 > got.Latency.Max || got.Rate <= 0 {
		t.Errorf("got %+v", got)
	}
}

// What is to be fresh is another number in each request, whichever connection sends it.
func TestFresh(t *testing.T) {
	var seen sync.Map
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if _, twice := seen.LoadOrStore(string(body), true); twice || !regexp.MustCompile(`^\{"a":"[0-9]{7}","b":"[0-9]{7}"\}$`).Match(body) {
			t.Errorf("got %s; seen before: %t", body, twice)
		}
	})
	if got := run(t, gen.Request{URL: url, Body: []byte(`{"a":"` + gen.Fresh + `","b":"` + gen.Fresh + `"}`)}, gen.Load{Workers: 3, Count: 60}); got.Requests != 60 {
		t.Errorf("got %+v", got)
	}
}

// A stall shows in every request that was due meanwhile, not only in the one that met it.
func TestOpenLoopCountsFromWhenDue(t *testing.T) {
	var n atomic.Int64
	url := serve(t, func(http.ResponseWriter, *http.Request) {
		if n.Add(1) == 2 {
			time.Sleep(100 * time.Millisecond)
		}
	})
	got := run(t, gen.Request{URL: url}, gen.Load{Workers: 1, Rate: 1000, Count: 60})
	if got.Requests != 60 || got.Latency.P50 < 30_000 || got.Late < 50 {
		t.Errorf("half of 60 requests due within 60 ms, one of them stalled for 100 ms, took over %v µs, %d late", got.Latency.P50, got.Late)
	}
}

func TestOpenLoopKeepsItsRate(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) {})
	got := run(t, gen.Request{URL: url}, gen.Load{Workers: 4, Rate: 200, Duration: 250 * time.Millisecond, Warmup: 50 * time.Millisecond})
	if n := got.Requests + got.Failed; n < 40 || n > 44 { // up to four more, that were due before and for which a worker woke up late
		t.Errorf("%d requests in 200 ms at 200 a second", n)
	}
}

// Events are counted wherever they are cut, and gaps are seen.
func TestEvents(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		flush := http.NewResponseController(w)
		stamp := string(gen.AppendStamp(nil, time.Now().Add(-time.Second)))
		for _, part := range []string{"data: {}\n", "\ndata: @abc " + stamp[:7], stamp[7:] + "\n\n", "data: [DONE]\n\n"} {
			io.WriteString(w, part)
			flush.Flush()
			time.Sleep(100 * time.Millisecond)
		}
	})
	got := run(t, gen.Request{URL: url}, gen.Load{Workers: 2, Count: 4})
	if got.Events != 12 || got.EventGap.Count != 8 || got.EventGap.P50 < 50_000 {
		t.Errorf("got %d events, gaps %+v", got.Events, got.EventGap)
	}
	if got.EventAge.Count != 4 || got.EventAge.P50 < 1e6 || got.EventAge.P50 > 10e6 {
		t.Errorf("ages %+v, want little more than a second", got.EventAge)
	}
}

func TestFailures(t *testing.T) {
	var n atomic.Int64
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			io.WriteString(w, "begun")
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case 3:
			<-r.Context().Done()
		case 4:
			c, _, _ := http.NewResponseController(w).Hijack()
			fmt.Fprint(c, "nonsense\r\n\r\n")
			c.Close()
		}
	})
	got := run(t, gen.Request{URL: url}, gen.Load{Workers: 1, Count: 6, Timeout: 3 * time.Second})
	want := map[string]int64{"status 503": 1, "cut": 1, "timeout": 1, "malformed": 1}
	if d := cmp.Diff(want, got.Errors); d != "" || got.Requests != 2 || got.Failed != 4 {
		t.Errorf("got %d requests and %d failed: %s", got.Requests, got.Failed, d)
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	got, err := gen.Run(ctx, gen.Request{URL: url}, gen.Load{Workers: 2, Duration: time.Hour})
	if err != nil || got.Requests+got.Failed != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		url  string
		load gen.Load
		want string
	}{
		{"http://192.0.2.1/", gen.Load{Workers: 1, Count: 1}, "loopback"},
		{"http://localhost/", gen.Load{Workers: 1, Count: 1}, "loopback"},
		{"https://127.0.0.1/", gen.Load{Workers: 1, Count: 1}, "want http"},
		{"http://127.0.0.1:1/", gen.Load{Workers: 1, Count: 1}, "reach target"},
		{"http://127.0.0.1:1/", gen.Load{Count: 1}, "workers"},
		{"http://127.0.0.1:1/", gen.Load{Workers: 1}, "duration or count"},
		{"http://127.0.0.1:1/", gen.Load{Workers: 1, Count: 1, Rate: -1}, "rate"},
		{"http://127.0.0.1:1/", gen.Load{Workers: 1, Duration: 1, Warmup: 1}, "warmup"},
	} {
		_, err := gen.Run(t.Context(), gen.Request{URL: c.url}, c.load)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %+v: got %v, want %q", c.url, c.load, err, c.want)
		}
	}
}
