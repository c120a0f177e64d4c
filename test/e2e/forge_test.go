package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bartizan/test/await"
	"bartizan/test/env"
)

// forge serves a repository over HTTPS by Git's own server, to those who know the password.
func forge(t *testing.T, folder string) *httptest.Server {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("no git")
	}
	backend := &cgi.Handler{Path: git, Args: []string{"http-backend"}, Env: []string{"GIT_PROJECT_ROOT=" + folder, "GIT_HTTP_EXPORT_ALL=1"}}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "bartizan" || password != "forge-s3cret" {
			w.Header().Set("www-authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

func write(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestForge: policies come from a forge over HTTPS with a password and its own authority; with an interval of an hour, a commit is in force at
// once because the forge tells of it. Virtual keys come from files beside the repository, as a mounted secret; a mistake in them
// changes nothing.
func TestForge(t *testing.T) {
	folder, err := os.MkdirTemp("", "bzf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	server := forge(t, folder)
	credentials := write(t, filepath.Join(folder, "credentials"), map[string]string{
		"username": "bartizan", "password": "forge-s3cret\n",
		"ca.crt": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
	})
	keys := write(t, filepath.Join(folder, "keys"), nil)
	secret := filepath.Join(write(t, filepath.Join(folder, "hook"), map[string]string{"secret": "hook-s3cret\n"}), "secret")
	hook, err := env.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	c := startContainers(t, env.ContainersOptions{
		Repository: func(dir string) (string, error) {
			return server.URL + "/policies/.git", os.Symlink(dir, filepath.Join(folder, "policies"))
		},
		XDSArgs: []string{
			"--git-credentials", credentials, "--poll", "1h", "--webhook", hook, "--webhook-secret-file", secret, "--keys", keys,
		},
	})
	c.serves(t, "with policies from the forge")

	tell := func(key string) int {
		t.Helper()
		const body = `{"ref":"refs/heads/main"}`
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(body))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+hook+"/webhook", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("x-hub-signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		return call(t, req).status
	}
	inForce := func(commit string) func() bool {
		return func() bool {
			s := c.replica(t, 0)
			return s.Live != nil && s.Live.Commit == commit && s.Live.Nodes == 2
		}
	}
	commit := c.commit(t, map[string]string{"rules.yaml": strings.Replace(c.policies()["rules.yaml"], "claude-opus", "claude-sonnet", 1)})
	if code := tell("guess"); code != http.StatusForbidden {
		t.Errorf("a stranger's webhook: %d", code)
	}
	if inForce(commit)() {
		t.Error("the commit is in force before anybody told of it")
	}
	began := time.Now()
	if code := tell("hook-s3cret"); code != http.StatusAccepted {
		t.Errorf("the webhook: %d", code)
	}
	await.Until(t, "the commit to be in force", inForce(commit))
	t.Logf("in force %s after the forge told", time.Since(began).Round(time.Millisecond))
	if got := c.statusOf(t, "claude-sonnet-5"); got != refusedModel {
		t.Errorf("the new rule is not in force: %d", got)
	}

	const newKey = "bz-carol-late"
	ask := func() int { return call(t, c.messages(t, newKey, "claude-sonnet-5", `say:"hi"`, false)).status }
	if got := ask(); got != http.StatusForbidden {
		t.Errorf("an unknown key: %d", got)
	}
	document := "apiVersion: bartizan/v1\nkind: VirtualKeys\nmetadata: { name: late }\nspec:\n  virtualKeys: [{ name: carol, sha256: %x, user: carol@example.com }]\n"
	write(t, keys, map[string]string{"late.yaml": fmt.Sprintf(document, sha256.Sum256([]byte(newKey)))})
	await.Until(t, "the new key", func() bool { return ask() == http.StatusOK })
	write(t, keys, map[string]string{"late.yaml": fmt.Sprintf(document, sha256.Sum256([]byte(aliceKey)))})
	await.Until(t, "the mistake", func() bool {
		s := c.replica(t, 0)
		return s.Rejected != nil && len(s.Rejected.Errors) == 1 && strings.HasPrefix(s.Rejected.Errors[0], keys+"/late.yaml:5:") &&
			strings.Contains(s.Rejected.Errors[0], "second key with this hash")
	})
	if got := ask(); got != http.StatusOK {
		t.Errorf("a mistake in the folder of keys took a key away: %d", got)
	}
	if out := c.pod.Logs(); strings.Contains(out, "s3cret") {
		t.Error("a secret is in a log")
	}
}
