package source

import (
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/google/go-cmp/cmp"
)

// TestRemote fetches over HTTP from Git's own server.
func TestRemote(t *testing.T) {
	gitPath, err := exec.LookPath("git")
	if err != nil {
		t.Skip("no git")
	}
	u := newUpstream(t)
	u.commit(map[string]string{"p/a.yaml": "1"})
	one := u.commit(map[string]string{"p/a.yaml": "2"})
	root := t.TempDir()
	bare := filepath.Join(root, "p.git")
	if _, err := gogit.PlainClone(bare, true, &gogit.CloneOptions{URL: u.dir}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(&cgi.Handler{
		Path: gitPath, Args: []string{"http-backend"}, Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1"},
	})
	defer server.Close()
	s, err := NewGit(Git{URL: server.URL + "/p.git", Path: "p"})
	if err != nil {
		t.Fatal(err)
	}
	tree, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"a.yaml": "2"}, text(tree)); d != "" || tree.Commit != one {
		t.Errorf("commit %s: %s", tree.Commit, d)
	}
	if _, err := s.read(t.Context(), one); !errors.Is(err, errUnchanged) {
		t.Errorf("second look: %v", err)
	}
	u.rewind(one)
	two := u.commit(map[string]string{"p/a.yaml": "3"})
	remote, err := u.repo.CreateRemoteAnonymous(&config.RemoteConfig{Name: "anonymous", URLs: []string{bare}})
	if err != nil {
		t.Fatal(err)
	}
	err = remote.Push(&gogit.PushOptions{RemoteName: "anonymous", RefSpecs: []config.RefSpec{"+refs/heads/main:refs/heads/main"}})
	if err != nil {
		t.Fatal(err)
	}
	if tree, err = s.read(t.Context(), one); err != nil || tree.Commit != two || string(tree.Files["a.yaml"]) != "3" {
		t.Errorf("after the push: %s %v", tree.Commit, err)
	}
	server.Close()
	if _, err := s.read(t.Context(), two); err == nil || s.Status().Commit != two {
		t.Errorf("server away: %v, status %+v", err, s.Status())
	}
}

// TestPassword answers 404 to those who carry the password, so that being let in and being kept out differ.
func TestPassword(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, token, _ := r.BasicAuth(); user != "git" && user != "ana" || token != "s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"a token", map[string]string{"password": "s3cret\n", "ca.crt": authority}, "repository not found"},
		{"user and password", map[string]string{"username": "ana", "password": "s3cret", "ca.crt": authority}, "repository not found"},
		{"another password", map[string]string{"password": "guess", "ca.crt": authority}, "authentication required"},
		{"nobody", map[string]string{"ca.crt": authority}, "authentication required"},
		{"a user alone", map[string]string{"username": "ana", "ca.crt": authority}, "read Git credentials: open"},
		{"an unknown authority", map[string]string{"password": "s3cret"}, "certificate signed by unknown authority"},
	} {
		dir := t.TempDir()
		for name, content := range c.files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := NewGit(Git{URL: server.URL, Credentials: dir})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Load(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}
