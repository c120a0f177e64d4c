package source

import (
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

// TestToken answers 404 to those who carry the token, so that being let in and being kept out differ.
func TestToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, token, _ := r.BasicAuth(); user != "git" || token != "s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	for tokenFile, want := range map[string]string{
		file: "repository not found", "": "authentication required", file + "2": "read token file",
	} {
		s, err := NewGit(Git{URL: server.URL, TokenFile: tokenFile})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Load(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("token file %q: got %v, want %s", tokenFile, err, want)
		}
	}
}
