package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"bartizan/test/authority"
	"bartizan/test/await"
	"bartizan/test/env"
)

// edge is the listener of TestListenerTLS, in place of the plain one.
func edge(w *world, listener string) map[string]string {
	return map[string]string{"gateway.yaml": strings.Replace(w.policies()["gateway.yaml"], "{ name: http, port: 0 }", listener, 1)}
}

// TestListenerTLS: a listener serves the certificate of a secret. A renewed one, swapped as the kubelet does, is what new connections see;
// what runs goes on. Over HTTP/2 a drain tells the client to leave.
func TestListenerTLS(t *testing.T) {
	c := startContainers(t, env.ContainersOptions{})
	folder := filepath.Join(c.folder, "tls", "edge")
	ours, err := authority.New()
	if err != nil {
		t.Fatal(err)
	}
	if err := ours.Mount(folder, "gateway.example.com"); err != nil {
		t.Fatal(err)
	}
	c.commit(t, edge(c.world, "{ name: http, port: 0 }, { name: https, port: 0, tls: { secret: edge } }"))
	address := ""
	await.Until(t, "the listener", func() bool {
		listeners, err := c.pod.Admin.Listeners(t.Context())
		address = listeners["https"]
		return err == nil && address != ""
	})
	plain := c.URL
	c.URL = "https://" + address
	defer func() { c.URL = plain }()
	client := func() *http.Client {
		return &http.Client{Timeout: patience, Transport: &http.Transport{
			ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: ours.Pool(), ServerName: "gateway.example.com", MinVersion: tls.VersionTLS12},
		}}
	}
	shown := func(res *http.Response) string { return res.TLS.PeerCertificates[0].SerialNumber.String() }
	ask := func(on *http.Client) *http.Response {
		t.Helper()
		res, err := on.Do(c.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, false))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK || res.ProtoMajor != 2 {
			t.Errorf("%s %s", res.Proto, res.Status)
		}
		return res
	}
	first, err := authority.Serial(filepath.Join(folder, "tls.crt"))
	if err != nil {
		t.Fatal(err)
	}
	if got := shown(ask(client())); got != first {
		t.Errorf("certificate %s, want %s", got, first)
	}

	running := client()
	res, err := running.Do(c.messages(t, aliceKey, "claude-sonnet-5", counted(40, "delay:50ms"), true))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := ours.Mount(folder, "gateway.example.com"); err != nil {
		t.Fatal(err)
	}
	second, err := authority.Serial(filepath.Join(folder, "tls.crt"))
	if err != nil {
		t.Fatal(err)
	}
	await.Until(t, "the renewed certificate", func() bool { return shown(ask(client())) == second })
	var body strings.Builder
	if _, err := io.Copy(&body, res.Body); err != nil || !strings.Contains(body.String(), "message_stop") || !strings.Contains(body.String(), "039 ") {
		t.Errorf("what ran is not whole: %v %s", err, body.String())
	}
	if got := shown(ask(running)); got != first {
		t.Errorf("the connection that was there shows %s", got)
	}

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if code, text, err := c.pod.Probe(ctx, "/drain"); err != nil || code != http.StatusOK {
		t.Errorf("drain: %d %s %v", code, text, err)
	}
	ask(running)                                                                               // its answer carries the GOAWAY
	await.Until(t, "another connection", func() bool { return shown(ask(running)) == second }) // as the client obeys it
}

// TestTrustedHops: behind proxies that it is told of, the gateway knows the client by what they say; otherwise by who connects, whatever
// the client says.
func TestTrustedHops(t *testing.T) {
	w := start(t, env.FleetOptions{})
	w.awaitLive(t, w.commit(t, edge(w, "{ name: http, port: 0 }, { name: behind, port: 0, trustedHops: 2 }")))
	listeners := w.listeners(t, 2)
	for _, c := range []struct{ listener, forwarded, want string }{
		{"http", "203.0.113.7, 198.51.100.1, 10.0.0.9", "127.0.0.1"},
		{"behind", "203.0.113.7, 198.51.100.1, 10.0.0.9", "198.51.100.1"}, // two from the right: what is left of it anybody may have made up
		{"behind", "10.0.0.9", "127.0.0.1"},
		{"behind", "", "127.0.0.1"},
	} {
		w.URL = "http://" + listeners[c.listener]
		req := w.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, false)
		if c.forwarded != "" {
			req.Header.Set("x-forwarded-for", c.forwarded)
		}
		e := w.decision(t, call(t, req).decision())
		var record struct {
			Source struct{ IP string } `json:"src_endpoint"`
		}
		if err := json.Unmarshal(e.Raw, &record); err != nil || record.Source.IP != c.want {
			t.Errorf("%s with %q: client %s, want %s (%v)", c.listener, c.forwarded, record.Source.IP, c.want, err)
		}
	}
	for _, r := range w.anthropic.Requests() {
		if got := r.Header.Get("x-forwarded-for"); got != "" {
			t.Errorf("the provider learns %q", got)
		}
	}
}
