package e2e

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bartizan/envoy/socket"
	"bartizan/extproc/audit"
	"bartizan/extproc/bundle"
	"bartizan/extproc/cause"
	"bartizan/extproc/server"
	"bartizan/filters"
	"bartizan/filters/llm"
	"bartizan/test/env"
	"bartizan/xds/bundlepb"
)

// fragile is a codec that panics where it is told to.
type fragile struct {
	filters.Codec
	at *atomic.Value // string
}

func (f fragile) panicAt(phase string) {
	if f.at.Load() == phase {
		panic("a panic at " + phase)
	}
}

func (f fragile) DecodeRequest(x *filters.Exchange, body []byte) error {
	f.panicAt("request body")
	return f.Codec.DecodeRequest(x, body)
}

func (f fragile) Response(x *filters.Exchange, judge filters.AnswerJudge) (filters.ResponseReader, error) {
	f.panicAt("response headers")
	r, err := f.Codec.Response(x, judge)
	return fragileReader{r, f}, err
}

type fragileReader struct {
	filters.ResponseReader
	fragile
}

func (f fragileReader) Write(p []byte) ([]byte, error) {
	if strings.Contains(string(p), "039 ") {
		f.panicAt("response body")
	}
	return f.ResponseReader.Write(p)
}

// noted keeps outcomes instead of writing records.
type noted chan filters.Outcome

func (noted) Admit() error { return nil }

func (noted) AppendDurable(context.Context, *filters.Record, audit.Options) error { return nil }

func (n noted) Append(r *filters.Record, _ audit.Options) error { n <- r.Outcome; return nil }

func (n noted) next(t *testing.T) filters.Outcome {
	t.Helper()
	select {
	case o := <-n:
		return o
	case <-time.After(patience):
		t.Fatal("no record")
		return ""
	}
}

// panicking serves our own ext_proc service, with a codec that panics, on a Unix socket.
func panicking(t *testing.T, path string, at *atomic.Value) noted {
	t.Helper()
	digest := sha256.Sum256([]byte(aliceKey))
	b, err := bundle.CompileFor(&bundlepb.Bundle{
		Version: "v", Commit: "c",
		Routes:      []*bundlepb.Route{{Name: "llm/anthropic/messages", Surface: "llm", Target: "anthropic", Dialect: "anthropic", Operation: "messages"}},
		VirtualKeys: []*bundlepb.VirtualKey{{Name: "alice", Sha256: digest[:], User: "alice"}},
		Audit:       &bundlepb.Audit{Mode: "durable"}, Limits: &bundlepb.Limits{RequestBytes: 1 << 20},
	}, func(name string) (filters.Codec, bool) {
		c, ok := llm.Codec(name)
		return fragile{c, at}, ok
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	records := make(noted, 100)
	s := server.New(server.Config{Instance: "panicking", Bundle: func() *bundle.Bundle { return b }, Causes: cause.New(time.Now, nil), Audit: records, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	l, err := socket.Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		s.Drain(ctx)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return records
}

// TestOurPanics: a panic of our own code, wherever it strikes, fails that exchange closed and no other.
func TestOurPanics(t *testing.T) {
	var at atomic.Value
	path := filepath.Join(t.TempDir(), "s")
	records := panicking(t, path, &at)
	w := start(t, env.FleetOptions{ExtProc: path})
	for _, phase := range []string{"request body", "response headers"} {
		t.Run(phase, func(t *testing.T) {
			at.Store(phase)
			req := w.messages(t, aliceKey, "claude-sonnet-5", `say:"secret"`, false)
			name := tagged(req)
			a, _ := watch(t, req, patience)
			if phase == "request body" {
				w.unjudged(t, name, a, http.StatusServiceUnavailable)
			}
			if a.err != nil || a.status != http.StatusServiceUnavailable || strings.Contains(a.body, "secret") {
				t.Errorf("%d %s, error %v", a.status, a.body, a.err)
			}
			message(t, "anthropic", a)
			if o := records.next(t); o != filters.OutcomeError {
				t.Errorf("recorded as %s", o)
			}
		})
	}
	t.Run("in mid-response", func(t *testing.T) {
		at.Store("response body")
		a, end := watch(t, w.messages(t, aliceKey, "claude-sonnet-5", counted(40, "delay:50ms"), true), patience) // slow, else a busy gateway reads it in one piece
		if end != endCut || !strings.Contains(a.body, "000 ") || strings.Contains(a.body, "039 ") || errors.Is(a.err, context.Canceled) {
			t.Errorf("the answer ended %s after %q, error %v", end, a.body, a.err)
		}
		if o := records.next(t); o != filters.OutcomeError {
			t.Errorf("recorded as %s", o)
		}
	})
	t.Run("and afterwards", func(t *testing.T) {
		at.Store("")
		if a := call(t, w.messages(t, aliceKey, "claude-sonnet-5", `say:"fine"`, false)); a.status != http.StatusOK || !strings.Contains(a.body, "fine") {
			t.Errorf("%d %s %v", a.status, a.body, a.err)
		}
		if o := records.next(t); o != filters.OutcomeAllow {
			t.Errorf("recorded as %s", o)
		}
	})
}
