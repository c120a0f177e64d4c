package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bartizan/extproc/audit/natsd"
	"bartizan/extproc/audit/tail"
	"bartizan/test/await"
	"bartizan/test/env"
	"bartizan/test/fake"
	"bartizan/xds/starter"
)

// gateway starts `bartizan up` on the starter repository, with a kernel-chosen port and a fake Anthropic.
type gateway struct {
	*env.Gateway
	repo      *env.Repo
	key       starter.Key
	anthropic *fake.Vendor
}

func up(t *testing.T, secrets map[string]string, args ...string) *gateway {
	t.Helper()
	binary, err := env.Binary()
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{key: starter.NewKey("me@localhost", []string{"developers"})}
	if g.anthropic, err = fake.StartAnthropic(t.Context(), fake.Options{Key: "sk-ant-upstream"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.anthropic.Close)
	dir := t.TempDir()
	policies := filepath.Join(dir, "policies")
	if err := starter.Write(policies, g.key.YAML); err != nil {
		t.Fatal(err)
	}
	if g.repo, err = env.OpenRepo(policies); err != nil {
		t.Fatal(err)
	}
	g.edit(t, "gateway.yaml", "port: 8080", "port: 0")
	g.edit(t, "providers/anthropic.yaml", "https://api.anthropic.com", g.anthropic.URL())
	if g.Gateway, err = env.Up(t.Context(), binary, policies, filepath.Join(dir, "state"), secrets, args...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = g.Close()
		if t.Failed() {
			t.Log(g.Output())
		}
	})
	return g
}

// edit changes a policy and commits that.
func (g *gateway) edit(t *testing.T, file, old, edited string) string {
	t.Helper()
	path := filepath.Join(g.repo.Dir, file)
	replaceIn(t, path, old, edited)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	commit, err := g.repo.Commit("Edit "+file, map[string]string{file: string(raw)})
	if err != nil {
		t.Fatal(err)
	}
	return commit
}

// ask sends a question to Anthropic through a gateway and returns the answer's status and body.
func (g *gateway) ask(t *testing.T, url string) (int, string) {
	t.Helper()
	return g.post(t, url+"/anthropic/v1/messages")
}

func (g *gateway) post(t *testing.T, url string) (int, string) {
	t.Helper()
	status, body, err := g.say(t.Context(), url, "Hello")
	if err != nil {
		t.Fatal(err)
	}
	return status, body
}

// say sends a text to the model and returns the answer's status and body.
func (g *gateway) say(ctx context.Context, url, text string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url,
		strings.NewReader(`{"model":"claude-sonnet-5","max_tokens":9,"messages":[{"role":"user","content":"`+text+`"}]}`))
	if err != nil {
		return 0, "", err
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Anthropic-Version": {"2023-06-01"}, "X-Api-Key": {g.key.Text}}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), err
}

// TestUp: with the provider's key in the environment the starter repository serves; what it prints is what to type, and little
// more; its files are its owner's; Ctrl-C ends it with 0.
func TestUp(t *testing.T) {
	g := up(t, map[string]string{"ANTHROPIC_API_KEY": "sk-ant-upstream", "OPENAI_API_KEY": "sk-openai-upstream"})
	if code, body := g.ask(t, g.URL); code != http.StatusOK || !strings.Contains(body, "You say: Hello") {
		t.Errorf("answer %d %s", code, body)
	}
	private(t, g.State)
	for _, command := range processes(t) {
		if strings.Contains(command, "sk-ant-upstream") {
			t.Errorf("a command line holds the provider's key: %s", command)
		}
	}
	if err := g.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil { // its SIGTERM, as from a supervisor, must not hurt
		t.Errorf("Ctrl-C: %v", err)
	}
	out := g.Output()
	for _, want := range []string{
		"ANTHROPIC_BASE_URL=" + g.URL + "/anthropic ANTHROPIC_AUTH_TOKEN=<virtual key> claude",
		"OPENAI_BASE_URL=" + g.URL + "/openai/v1 OPENAI_API_KEY=<virtual key>",
		"tail --state " + g.State, "key new --user", "Ctrl-C ends it.",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the announcement lacks %q", want)
		}
	}
	before, _, _ := strings.Cut(out, "bartizan is up")
	if lines := strings.Count(before, "\n"); lines > 10 || strings.Contains(out, "level=WARN") || strings.Contains(out, "level=ERROR") {
		t.Errorf("%d lines before the announcement, or a warning where nothing is wrong", lines)
	}
	for _, secret := range []string{"sk-ant-upstream", "sk-openai-upstream", g.key.Text} {
		if strings.Contains(out, secret) {
			t.Errorf("the output holds %s", secret)
		}
	}
	if _, err := os.Stat(filepath.Join(g.State, "endpoints.json")); !os.IsNotExist(err) {
		t.Errorf("endpoints.json is still there: %v", err)
	}
}

// TestUpCtrlC: a signal of a supervisor and a Ctrl-C may come in either order, and what runs may end; a second Ctrl-C ends all at once.
func TestUpCtrlC(t *testing.T) {
	for _, c := range []struct {
		signals []syscall.Signal
		takes   string // what runs
		whole   bool   // it comes to its end
		exit    string
	}{
		{[]syscall.Signal{syscall.SIGTERM, syscall.SIGINT}, "1s", true, "<nil>"},
		{[]syscall.Signal{syscall.SIGINT, syscall.SIGINT}, "15s", false, "exit status 130"},
	} {
		g := up(t, map[string]string{"ANTHROPIC_API_KEY": "sk-ant-upstream", "OPENAI_API_KEY": "sk-openai-upstream"})
		answered := make(chan bool, 1)
		go func() {
			status, _, err := g.say(t.Context(), g.URL+"/anthropic/v1/messages", "fake:slow-headers:"+c.takes)
			answered <- err == nil && status == http.StatusOK
		}()
		await.Until(t, "the request to arrive", func() bool { return len(g.anthropic.Requests()) > 0 })
		for _, s := range c.signals {
			if err := g.Signal(s); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Millisecond) // the kernel may bring two signals in another order than they were sent
		}
		if !c.whole {
			g.insist(syscall.SIGINT)
		}
		if whole := <-answered; whole != c.whole {
			t.Errorf("%v: what ran came to its end: %t, want %t", c.signals, whole, c.whole)
		}
		if err := g.Close(); fmt.Sprint(err) != c.exit {
			t.Errorf("%v: %v, want %s", c.signals, err, c.exit)
		}
	}
}

// insist sends a signal until the gateway has ended: of two that wait for a slow process, the kernel makes one.
func (g *gateway) insist(s syscall.Signal) {
	for tick := time.Tick(20 * time.Millisecond); ; {
		select {
		case <-g.Done():
			return
		case <-tick:
			_ = g.Signal(s) // it may have ended meanwhile
		}
	}
}

// private checks that nobody but the owner can do anything with a folder's content.
func private(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != dir && strings.Contains(path, "jetstream") {
			return fs.SkipDir // NATS's own, below a private folder
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestUpWithoutCredential: the person is told once, the caller is refused, the upstream sees nothing.
func TestUpWithoutCredential(t *testing.T) {
	g := up(t, map[string]string{"ANTHROPIC_API_KEY": "", "OPENAI_API_KEY": ""})
	if err := g.Live(t.Context(), g.edit(t, "providers/openai.yaml", "https://api.openai.com", g.anthropic.URL())); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/anthropic/v1/messages", "/openai/v1/chat/completions"} { // without and with a prefix before the key
		code, body := g.post(t, g.URL+path)
		if code < 400 || !strings.Contains(body, "Refused by Bartizan: the gateway has no credential for this upstream") {
			t.Errorf("%s: answer %d %s", path, code, body)
		}
	}
	if n := len(g.anthropic.Requests()); n != 0 {
		t.Errorf("%d requests reached the upstream", n)
	}
	if out := g.Output(); !strings.Contains(out, "set ANTHROPIC_API_KEY and start again") || strings.Contains(out, "level=ERROR") || strings.Contains(out, "level=WARN") {
		t.Errorf("output:\n%s", out)
	}
}

// TestUpTwice: a second gateway on the same state folder disturbs nothing.
func TestUpTwice(t *testing.T) {
	g := up(t, map[string]string{"ANTHROPIC_API_KEY": "sk-ant-upstream"})
	r := bartizan(t, t.TempDir(), "up", "--policies", g.repo.Dir, "--state", g.State, "--nats-url", "nats://127.0.0.1:1", "--metrics", "")
	if r.code != 1 || !strings.Contains(r.stderr, "a gateway runs with state folder "+g.State+" already") || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("the second: %+v", r)
	}
	await.Until(t, "the first on all nodes", func() bool {
		out, code, err := g.Command(t.Context(), "status", "--state", g.State)
		return err == nil && code == 0 && strings.Contains(out, "live on 2 of 2 nodes")
	})
	if code, body := g.ask(t, g.URL); code != http.StatusOK {
		t.Errorf("the first: %d %s", code, body)
	}
}

// TestUpAddressTaken: told at once, by name, before anything is started.
func TestUpAddressTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	if r := bartizan(t, dir, "init"); r.code != 0 {
		t.Fatalf("init: %+v", r)
	}
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	replaceIn(t, filepath.Join(dir, "policies", "gateway.yaml"), "port: 8080", "port: "+port)
	for _, c := range []struct{ nats, metrics, want string }{
		{taken.Addr().String(), "", "--nats-listen: "},
		{"127.0.0.1:0", taken.Addr().String(), "--metrics: "},
		{"127.0.0.1:0", "", "listener http of the Gateway: "},
	} {
		r := bartizan(t, dir, "up", "--watch", "--nats-listen", c.nats, "--metrics", c.metrics)
		want := fmt.Sprintf("bartizan: %slisten tcp %s: bind: address already in use", c.want, taken.Addr())
		if r.code != 1 || !strings.HasPrefix(r.stderr, want) || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("%+v, want %q", r, want)
		}
	}
}

// TestUpListenerMoves: an edit that renames a listener and moves its port is in force without a restart.
func TestUpListenerMoves(t *testing.T) {
	g := up(t, map[string]string{"ANTHROPIC_API_KEY": "sk-ant-upstream"})
	address, err := env.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	commit := g.edit(t, "gateway.yaml", "- name: http\n      address: 127.0.0.1\n      port: 0", "- name: web\n      port: "+port)
	if err := g.Live(t.Context(), commit); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "an answer on the new port", func() bool {
		code, _, err := g.say(t.Context(), "http://"+address+"/anthropic/v1/messages", "Hello")
		return err == nil && code == http.StatusOK
	})
}

// TestVerifyBroken: a record that no gateway chained is found, with exit code 4. Before the first record there is nothing to prove.
func TestVerifyBroken(t *testing.T) {
	g := up(t, map[string]string{"ANTHROPIC_API_KEY": "sk-ant-upstream"})
	verify := func() result { return bartizan(t, t.TempDir(), "verify", "--state", g.State) }
	if r := verify(); r.code != 1 || r.stderr != "bartizan: there is no record yet\n" {
		t.Errorf("no record yet: %+v", r)
	}
	g.ask(t, g.URL)
	if _, err := g.Records.Wait(t.Context(), func(tail.Event) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if r := verify(); r.code != 0 || !strings.Contains(r.stdout, "nothing is missing") {
		t.Errorf("sound: %+v", r)
	}
	raw, err := os.ReadFile(filepath.Join(g.State, "nats", natsd.GatewayFile))
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(strings.TrimSpace(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "audit.v1.default.llm.allow", []byte(`{"forged":true}`)); err != nil {
		t.Fatal(err)
	}
	if r := verify(); r.code != 4 || !strings.Contains(r.stdout, "BROKEN unreadable") {
		t.Errorf("forged: %+v", r)
	}
}
