package e2e

import (
	"bufio"
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"bartizan/test/await"
	"bartizan/test/env"
	"bartizan/xds/status"
)

// commit adds a commit to the policy repository.
func (w *world) commit(t testing.TB, files map[string]string) string {
	t.Helper()
	commit, err := w.repo.Commit("Change for "+t.Name(), files)
	if err != nil {
		t.Fatal(err)
	}
	return commit
}

// awaitLive waits until a commit is in force on both nodes.
func (w *world) awaitLive(t testing.TB, commit string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.Live(ctx, commit); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "both nodes to be connected", func() bool {
		s, err := w.Status(ctx)
		return err == nil && len(s.Nodes) == 2 && s.Live != nil && s.Live.Nodes == 2
	})
}

// awaitRejected waits until a commit was found to have errors, and returns the status.
func (w *world) awaitRejected(t testing.TB, commit string) (s status.Status) {
	t.Helper()
	await.Until(t, "the commit to be rejected", func() bool {
		var err error
		s, err = w.Status(t.Context())
		return err == nil && s.Rejected != nil && s.Rejected.Commit == commit
	})
	return s
}

func (w *world) status(t testing.TB) status.Status {
	t.Helper()
	s, err := w.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// statusOf is the status with which Alice's request for a model is answered.
func (w *world) statusOf(t testing.TB, model string) int {
	t.Helper()
	a := call(t, w.messages(t, aliceKey, model, `say:"hi"`, false))
	if a.err != nil {
		t.Fatal(a.err)
	}
	return a.status
}

const refusedModel = http.StatusUnavailableForLegalReasons

// TestRollout: what is committed is in force, and what is broken changes nothing.
func TestRollout(t *testing.T) {
	w := start(t, env.FleetOptions{})
	rules := w.policies()["rules.yaml"]

	t.Run("a rule is edited", func(t *testing.T) {
		w.awaitLive(t, w.commit(t, map[string]string{"rules.yaml": strings.Replace(rules, "claude-opus", "claude-sonnet", 1)}))
		if opus, sonnet := w.statusOf(t, "claude-opus-5-5"), w.statusOf(t, "claude-sonnet-5"); opus != http.StatusOK || sonnet != refusedModel {
			t.Errorf("opus %d, sonnet %d", opus, sonnet)
		}
	})

	t.Run("broken, broken, good", func(t *testing.T) {
		before := w.status(t).Live.Commit
		broken := strings.Replace(rules, "llm.model.startsWith('claude-opus')", "llm.modell.startsWith('claude-opus')", 1)
		s := w.awaitRejected(t, w.commit(t, map[string]string{"rules.yaml": broken}))
		if want := `^rules\.yaml:9:\d+: .*modell`; len(s.Rejected.Errors) != 1 || !regexp.MustCompile(want).MatchString(s.Rejected.Errors[0]) {
			t.Errorf("errors %q, want one like %s", s.Rejected.Errors, want)
		}
		s = w.awaitRejected(t, w.commit(t, map[string]string{"upstreams.yaml": "kind: Provider\nkind: Provider\n"}))
		if len(s.Rejected.Errors) < 2 || s.Live == nil || s.Live.Commit != before || s.Live.Nodes != 2 {
			t.Errorf("errors %q; live %+v, want %s on 2 nodes", s.Rejected.Errors, s.Live, before)
		}
		if opus, sonnet := w.statusOf(t, "claude-opus-5-5"), w.statusOf(t, "claude-sonnet-5"); opus != http.StatusOK || sonnet != refusedModel {
			t.Errorf("a broken commit changed something: opus %d, sonnet %d", opus, sonnet)
		}
		w.awaitLive(t, w.commit(t, w.policies()))
		if s := w.status(t); s.Rejected != nil {
			t.Errorf("still rejected: %+v", s.Rejected)
		}
		w.judges(t)
	})

	t.Run("a provider is removed", func(t *testing.T) {
		path := "/openai/v1/chat/completions"
		if a := call(t, w.post(t, path, bobKey, chat(false, `say:"hi"`))); a.status != http.StatusOK {
			t.Fatalf("before: %d %s", a.status, a.body)
		}
		var kept []string
		for _, document := range strings.Split(w.policies()["upstreams.yaml"], "---\n") {
			if !strings.Contains(document, "name: openai") {
				kept = append(kept, document)
			}
		}
		w.awaitLive(t, w.commit(t, map[string]string{"upstreams.yaml": strings.Join(kept, "---\n")}))
		req := w.post(t, path, bobKey, chat(false, `say:"hi"`))
		name := tagged(req)
		if a := call(t, req); a.status != http.StatusNotFound || len(w.upstreamOf(name)) > 0 {
			t.Errorf("after: %d %s; the upstream saw %d", a.status, a.body, len(w.upstreamOf(name)))
		}
		w.judges(t)
	})

	t.Run("a listener is added", func(t *testing.T) {
		with := strings.Replace(w.policies()["gateway.yaml"], "[{ name: http, port: 0 }]", "[{ name: http, port: 0 }, { name: second, port: 0 }]", 1)
		w.awaitLive(t, w.commit(t, map[string]string{"gateway.yaml": with}))
		addresses := w.listeners(t, 2)
		if "http://"+addresses["http"] != w.URL {
			t.Fatalf("listeners %v; the first was %s", addresses, w.URL)
		}
		w.judges(t)
		first := w.URL
		w.URL = "http://" + addresses["second"]
		w.judges(t)
		w.URL = first
	})
}

// listeners waits until Envoy serves on n listeners: it says yes to one before that.
func (w *world) listeners(t testing.TB, n int) (addresses map[string]string) {
	t.Helper()
	await.Until(t, "the listeners", func() bool {
		var err error
		addresses, err = w.Envoy.Listeners(t.Context())
		return err == nil && len(addresses) == n
	})
	return addresses
}

// TestControlServerAway: without the control server everything runs on, and neither its end nor its return touches a running stream.
func TestControlServerAway(t *testing.T) {
	w := start(t, env.FleetOptions{})
	commit := w.status(t).Live.Commit
	lines, leave := w.stream(t, counted(2000, "delay:10ms"))
	defer leave()
	next := func(when string) {
		t.Helper()
		for range 100 {
			if !lines.Scan() {
				t.Fatalf("the stream ended %s: %v", when, lines.Err())
			}
		}
	}
	next("at its begin")
	w.XDS.Kill()
	next("when the control server was killed")
	w.judges(t)
	if err := w.StartXDS(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.awaitLive(t, commit)
	next("when the control server came back")
	w.judges(t)
	stats, err := w.Envoy.Stats(t.Context(), `^listener_manager\.listener_(removed|modified|added|in_place_updated)$|^cluster_manager\.cluster_(removed|modified)$`)
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range stats {
		if want := map[bool]uint64{true: 1, false: 0}[strings.HasSuffix(name, "listener_added")]; n != want {
			t.Errorf("%s is %d, want %d", name, n, want)
		}
	}
	// What is committed now arrives: the subscription is alive, and the stream is that of before.
	rules := strings.Replace(w.policies()["rules.yaml"], "claude-opus", "claude-haiku", 1)
	w.awaitLive(t, w.commit(t, map[string]string{"rules.yaml": rules}))
	if haiku := w.statusOf(t, "claude-haiku-4-5"); haiku != refusedModel {
		t.Errorf("haiku %d", haiku)
	}
	next("when a commit was rolled out")
}

// stream begins a streamed answer and reads it by lines.
func (w *world) stream(t testing.TB, script string) (lines *bufio.Scanner, leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // without a timeout: the stream is long
	res, err := client.Do(w.messages(t, aliceKey, "claude-sonnet-5", script, true).WithContext(ctx))
	if err != nil || res.StatusCode != http.StatusOK {
		cancel()
		t.Fatalf("%+v, error %v", res, err)
	}
	return bufio.NewScanner(res.Body), func() {
		cancel()
		res.Body.Close()
	}
}
