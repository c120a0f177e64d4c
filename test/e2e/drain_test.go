package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bartizan/test/env"
	"bartizan/test/fake"
)

// TestDrain: extproc is told to end while two answers run. One ends within the drain's time and is whole; the other does not, and is broken
// off then: nothing of it passes after. Both have a record, and the process ends in order.
func TestDrain(t *testing.T) {
	const drain = 5 * time.Second // ten times what the short answer takes on a quiet machine
	w := start(t, env.FleetOptions{ExtProcArgs: []string{"--drain", drain.String()}})
	short := w.slow(t, counted(20, "delay:25ms"), true)
	long := w.slow(t, counted(numbers, "delay:40ms"), true)
	for _, s := range []*slow{short, long} {
		s.send(t, s.parts[:]...)
		s.begin(t, "002 ")
	}
	began := time.Now()
	stopped := make(chan error, 1)
	go func() { stopped <- w.Extproc.Stop() }()

	if a := short.rest(); a.err != nil || !strings.Contains(a.body, "message_stop") || !strings.Contains(a.body, "019 ") {
		t.Errorf("the short answer is not whole: %v %s", a.err, a.body)
	}
	a := long.rest()
	if a.err == nil || strings.Contains(a.body, "message_stop") {
		t.Errorf("the long answer ended well: %s", a.body)
	}
	if err := <-stopped; err != nil {
		t.Errorf("extproc: %v", err)
	}
	took := time.Since(began)
	if took < drain || took > drain+10*time.Second {
		t.Errorf("the drain took %s", took)
	}
	if last := long.last.Sub(began); last > drain+4*time.Second { // uninspected, it would go on for three seconds more
		t.Errorf("bytes of the long answer came %s after the drain's begin", last)
	}
	if how := w.endedUpstream(t, &w.anthropic.Recorder, long.name); how != fake.EndedCanceled {
		t.Errorf("the long answer's upstream: %s", how)
	}
	if r := w.recordOf(t, short.name); r.Own().Outcome != "allow" || !r.Unmapped.Bartizan.Response.Complete {
		t.Errorf("record of the short answer: %s", r.Raw)
	}
	if r := w.recordOf(t, long.name); r.Own().Outcome != "error" || r.Response.Code != http.StatusOK || r.Unmapped.Bartizan.Response.Complete {
		t.Errorf("record of the long answer: %s", r.Raw)
	}
	if a := call(t, w.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, false)); a.status != http.StatusServiceUnavailable {
		t.Errorf("after the drain: %d %s", a.status, a.body)
	}
}

// TestDrainIdle: with nothing to wait for, extproc does not wait, though Envoy holds its connection and an access log stream open.
func TestDrainIdle(t *testing.T) {
	w := start(t, env.FleetOptions{ExtProcArgs: []string{"--drain", "20s"}})
	req := w.post(t, "/anthropic/v1/messages", aliceKey, "")
	req.Header.Set("upgrade", "websocket") // Envoy refuses it by itself, and says so in the access log
	req.Header.Set("connection", "upgrade")
	name := tagged(req)
	if a := call(t, req); a.err != nil || a.status == http.StatusOK {
		t.Fatalf("%d %s, error %v", a.status, a.body, a.err)
	}
	w.recordOf(t, name)
	w.judges(t)
	began := time.Now()
	if err := w.Extproc.Stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %s", took)
	}
}

// TestUpEnds: `bartizan up` on SIGTERM lets a running answer end within its time, breaks off the one that does not, and exits with 0.
func TestUpEnds(t *testing.T) {
	for _, c := range []struct {
		name, script string
		whole        bool
	}{
		{"an answer that ends in time", counted(20, "delay:25ms"), true},
		{"an answer that does not", counted(numbers, "delay:40ms"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			state, err := os.MkdirTemp("", "bz") // a Unix socket's path is short
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(state)
			secrets := map[string]string{"ANTHROPIC_KEY": vendorKey, "OPENAI_KEY": openAIKey, "MCP_TOKEN": mcpToken}
			g, err := env.Up(t.Context(), shared.Binary, shared.repo.Dir, state, secrets, "--drain", "5s")
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				g.Kill()
				if t.Failed() {
					t.Log(g.Output())
				}
			}()
			w := &world{Fleet: &env.Fleet{URL: g.URL, Records: g.Records}, anthropic: shared.anthropic}
			s := w.slow(t, c.script, true)
			s.send(t, s.parts[:]...)
			s.begin(t, "002 ")
			began := time.Now()
			if err := g.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			a := s.rest()
			if whole := a.err == nil && strings.Contains(a.body, "message_stop"); whole != c.whole {
				t.Errorf("whole: %t, want %t: %v %s", whole, c.whole, a.err, a.body)
			}
			select {
			case <-g.Done():
			case <-time.After(patience):
				t.Fatal("it does not end")
			}
			if err := g.Close(); err != nil {
				t.Errorf("it ended with %v", err)
			}
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("it took %s", took)
			}
			if left, _ := filepath.Glob(filepath.Join(state, "run", "envoy", "*.sock")); len(left) > 0 {
				t.Errorf("sockets are left: %v", left)
			}
			t.Log(fmt.Sprint(time.Since(began)))
		})
	}
}
