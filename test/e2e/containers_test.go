package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bartizan/test/await"
	"bartizan/test/env"
	"bartizan/xds/status"
)

// containers is a world whose roles are as separate as containers of pods.
type containers struct {
	*world
	pod *env.Containers
}

func startContainers(t *testing.T, o env.ContainersOptions) *containers {
	t.Helper()
	w := &world{}
	c := &containers{world: w}
	t.Cleanup(func() {
		if c.pod != nil {
			c.pod.Close()
			if t.Failed() {
				t.Log(c.pod.Logs())
			}
		}
		w.Fleet = nil
		w.close()
	})
	if err := w.prepare(t.Context(), &o.FleetOptions); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var err error
	if c.pod, err = env.StartContainers(ctx, w.folder, o); err != nil {
		t.Fatal(err)
	}
	w.Fleet = c.pod.Fleet
	w.Records = env.Follow(t.Context(), w.NATS)
	return c
}

// serves tells that a request of Alice's is answered.
func (c *containers) serves(t testing.TB, when string) {
	t.Helper()
	if a := call(t, c.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, false)); a.err != nil || a.status != http.StatusOK {
		t.Errorf("%s: %d %s %v", when, a.status, a.body, a.err)
	}
}

func (c *containers) probe(t testing.TB, path string) (int, string) {
	t.Helper()
	code, text, err := c.pod.Probe(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return code, text
}

// replica is the status of a control server.
func (c *containers) replica(t testing.TB, i int) status.Status {
	t.Helper()
	s, err := status.Fetch(t.Context(), fmt.Sprintf("%s/status%d.sock", c.folder, i))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestControlServerReplicas: Envoy and extproc follow a control server over mutual TLS. Another replica serves the same versions, so that going
// over to it changes nothing; certificates are renewed on both sides without a restart; and without any control server all goes on.
func TestControlServerReplicas(t *testing.T) {
	c := startContainers(t, env.ContainersOptions{Replicas: 2})
	c.serves(t, "at the beginning")
	await.Until(t, "the second replica to be ready", func() bool {
		code, _, err := c.pod.AskReplica(t.Context(), 1, "/readyz")
		return err == nil && code == http.StatusOK
	})
	await.Until(t, "both nodes on the first replica", func() bool { return len(c.replica(t, 0).Nodes) == 2 })
	one, two := c.replica(t, 0), c.replica(t, 1)
	if one.Live == nil || two.Live == nil || one.Live.Version != two.Live.Version || one.Live.Commit != two.Live.Commit {
		t.Fatalf("two replicas, two versions: %+v, %+v", one.Live, two.Live)
	}
	updates, err := c.pod.Admin.Stats(t.Context(), `^listener_manager\.(lds\.update_success|listener_modified)$`)
	if err != nil {
		t.Fatal(err)
	}

	for role, name := range map[string]string{"xds": env.XDSName, "envoy": "envoy.bartizan", "extproc": "extproc.bartizan"} {
		if err := c.pod.Renew(role, name); err != nil {
			t.Fatal(err)
		}
	}
	c.pod.Replicas[0].Kill()
	await.Until(t, "both nodes on the second replica", func() bool { return len(c.replica(t, 1).Nodes) == 2 })
	c.serves(t, "with the second replica")
	again, err := c.pod.Admin.Stats(t.Context(), `^listener_manager\.(lds\.update_success|listener_modified)$`)
	if err != nil {
		t.Fatal(err)
	}
	if again["listener_manager.listener_modified"] != updates["listener_manager.listener_modified"] {
		t.Errorf("the second replica changed listeners: %v, then %v", updates, again)
	}

	commit := c.commit(t, map[string]string{"rules.yaml": strings.Replace(c.policies()["rules.yaml"], "claude-opus", "claude-sonnet", 1)})
	await.Until(t, "the commit to be in force", func() bool {
		s := c.replica(t, 1)
		return s.Live != nil && s.Live.Commit == commit && s.Live.Nodes == 2
	})
	if got := c.statusOf(t, "claude-sonnet-5"); got != refusedModel {
		t.Errorf("the new rule is not in force: %d", got)
	}
	c.pod.Replicas[1].Kill()
	if got := c.statusOf(t, "claude-opus-5-5"); got != http.StatusOK {
		t.Errorf("without a control server: %d", got)
	}
	for _, path := range []string{"/healthz", "/readyz", "/gateway"} {
		if code, text := c.probe(t, path); code != http.StatusOK {
			t.Errorf("without a control server, %s: %d %s", path, code, text)
		}
	}
}

// TestWrongRole: who has only the certificate of another role is served nothing, whatever it says that it is.
func TestWrongRole(t *testing.T) {
	c := startContainers(t, env.ContainersOptions{})
	await.Until(t, "both nodes", func() bool { return len(c.replica(t, 0).Nodes) == 2 })
	if err := c.pod.Renew("envoy", "extproc.bartizan"); err != nil { // a certificate of the right authority, for the wrong role
		t.Fatal(err)
	}
	c.pod.Service.Cut()
	await.Until(t, "the refusal", func() bool {
		return strings.Contains(c.pod.Envoy.Output(), "wants a certificate with the DNS name envoy.bartizan")
	})
	await.Until(t, "the control server to forget Envoy", func() bool {
		nodes := c.replica(t, 0).Nodes
		return len(nodes) == 0 || len(nodes) == 1 && nodes[0].Class == "extproc"
	})
	c.serves(t, "by the last configuration")
}

// TestProbesTellTheTruth: the gateway is ready while Envoy has listeners and reaches extproc; extproc is alive whatever is away.
func TestProbesTellTheTruth(t *testing.T) {
	c := startContainers(t, env.ContainersOptions{})
	want := func(when string, codes map[string]int) {
		t.Helper()
		for path, code := range codes {
			if got, text := c.probe(t, path); got != code {
				t.Errorf("%s, %s: %d %s, want %d", when, path, got, text, code)
			}
		}
	}
	const yes, no = http.StatusOK, http.StatusServiceUnavailable
	want("all is well", map[string]int{"/healthz": yes, "/readyz": yes, "/gateway": yes})
	c.StopNATS()
	c.pod.Replicas[0].Kill()
	want("neither NATS nor a control server", map[string]int{"/healthz": yes, "/readyz": yes, "/gateway": yes})
	c.serves(t, "neither NATS nor a control server")
	if err := c.pod.Envoy.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	want("Envoy hangs", map[string]int{"/healthz": yes, "/readyz": yes, "/gateway": no})
	c.pod.Envoy.Kill()
	want("no Envoy", map[string]int{"/healthz": yes, "/readyz": yes, "/gateway": no})
	if err := c.StartNATS(); err != nil {
		t.Fatal(err)
	}
}

// TestPodDrain: what the kubelet does before it ends a pod. A stream that ends in time is whole; who still comes is served and told to leave;
// the gateway is not ready from the beginning; and the drain returns as soon as nothing runs.
func TestPodDrain(t *testing.T) {
	const drain = 8 * time.Second // four times what the stream takes
	c := startContainers(t, env.ContainersOptions{FleetOptions: env.FleetOptions{ExtProcArgs: []string{"--drain", drain.String()}}})
	stream := c.slow(t, counted(20, "delay:100ms"), true)
	stream.send(t, stream.parts[:]...)
	stream.begin(t, "002 ")
	idle := c.keepAlive(t)
	if idle.ask(t).Close {
		t.Error("before the drain, connection: close")
	}

	began := time.Now()
	drained := make(chan string, 1)
	go func() {
		code, text, err := c.pod.Probe(context.WithoutCancel(t.Context()), "/drain")
		drained <- fmt.Sprintf("%d %s %v", code, strings.TrimSpace(text), err)
	}()
	await.Until(t, "the gateway to say no", func() bool { code, _ := c.probe(t, "/gateway"); return code != http.StatusOK })
	if code, text := c.probe(t, "/readyz"); code != http.StatusOK { // it must judge until Envoy is gone
		t.Errorf("extproc: %d %s", code, text)
	}
	if res := idle.ask(t); res.StatusCode != http.StatusOK || !res.Close {
		t.Errorf("on a connection that is kept: %d, connection: close %t", res.StatusCode, res.Close)
	}
	if res := c.keepAlive(t).ask(t); res.StatusCode != http.StatusOK || !res.Close {
		t.Errorf("on a new connection: %d, connection: close %t", res.StatusCode, res.Close)
	}
	if a := stream.rest(); a.err != nil || !strings.Contains(a.body, "message_stop") || !strings.Contains(a.body, "019 ") {
		t.Errorf("the stream is not whole: %v %s", a.err, a.body)
	}
	if got := <-drained; got != "200 ok <nil>" {
		t.Errorf("the drain: %s", got)
	}
	if took := time.Since(began); took > drain {
		t.Errorf("it took %s", took)
	}

	c.pod.Envoy.Kill() // its container is restarted, not its pod
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.pod.StartEnvoy(ctx); err != nil {
		t.Fatal(err)
	}
	c.serves(t, "after Envoy's restart")
	long := c.slow(t, counted(numbers, "delay:40ms"), true)
	long.send(t, long.parts[:]...)
	long.begin(t, "002 ")
	began = time.Now()
	if code, text := c.probe(t, "/drain"); code == http.StatusOK || !strings.Contains(text, "1 requests in flight") {
		t.Errorf("the drain of what does not end: %d %s", code, text)
	}
	if took := time.Since(began); took < drain || took > drain+6*time.Second {
		t.Errorf("it took %s", took)
	}
}

// keptAlive is a client connection with one request after the other.
type keptAlive struct {
	c    *containers
	conn net.Conn
	r    *bufio.Reader
}

func (c *containers) keepAlive(t testing.TB) *keptAlive {
	t.Helper()
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(c.URL, "http://"), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &keptAlive{c, conn, bufio.NewReader(conn)}
}

func (k *keptAlive) ask(t testing.TB) *http.Response {
	t.Helper()
	if err := k.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if err := k.c.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, false).Write(k.conn); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(k.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	return res
}

// TestPodRestart: extproc's container is restarted on its volume: another process goes on with the chain of records. With the volume lost there
// is another chain.
func TestPodRestart(t *testing.T) {
	c := startContainers(t, env.ContainersOptions{})
	one := c.decision(t, call(t, c.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, false)).decision())
	c.Extproc.Kill()
	if code := c.statusOf(t, "claude-sonnet-5"); code != http.StatusServiceUnavailable {
		t.Errorf("without extproc: %d", code)
	}
	restart := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := c.pod.RestartExtproc(ctx); err != nil {
			t.Fatal(err)
		}
		await.Until(t, "the gateway to be ready", func() bool { code, _ := c.probe(t, "/gateway"); return code == http.StatusOK })
	}
	restart()
	two := c.decision(t, call(t, c.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, false)).decision())
	if one.Own().Producer != two.Own().Producer || two.Metadata.Sequence <= one.Metadata.Sequence {
		t.Errorf("the chain does not go on: %s %d, then %s %d", one.Own().Producer, one.Metadata.Sequence, two.Own().Producer, two.Metadata.Sequence)
	}
	c.Extproc.Kill()
	if err := os.RemoveAll(filepath.Join(c.folder, "extproc")); err != nil {
		t.Fatal(err)
	}
	restart()
	three := c.decision(t, call(t, c.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, false)).decision())
	if three.Own().Producer == two.Own().Producer || three.Metadata.Sequence != 1 {
		t.Errorf("after the volume was lost: %s %d, before %s", three.Own().Producer, three.Metadata.Sequence, two.Own().Producer)
	}
}
