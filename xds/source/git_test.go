package source

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/google/go-cmp/cmp"
)

// upstream is a policy repository with a work tree.
type upstream struct {
	t    *testing.T
	dir  string
	repo *gogit.Repository
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "policies")
	repo, err := gogit.PlainInitWithOptions(dir, &gogit.PlainInitOptions{InitOptions: gogit.InitOptions{DefaultBranch: "refs/heads/main"}})
	if err != nil {
		t.Fatal(err)
	}
	return &upstream{t: t, dir: dir, repo: repo}
}

// commit writes files and commits them; an empty content removes one.
func (u *upstream) commit(files map[string]string) string {
	u.t.Helper()
	writeFiles(u.t, u.dir, files)
	tree, err := u.repo.Worktree()
	if err != nil {
		u.t.Fatal(err)
	}
	if err := tree.AddWithOptions(&gogit.AddOptions{All: true}); err != nil {
		u.t.Fatal(err)
	}
	who := &object.Signature{Name: "Ann", Email: "ann@example.com", When: time.Unix(1_700_000_000, 0)}
	hash, err := tree.Commit("edit", &gogit.CommitOptions{Author: who, AllowEmptyCommits: true})
	if err != nil {
		u.t.Fatal(err)
	}
	return hash.String()
}

// checkout moves the work tree to a new branch at the current commit, or to an old one.
func (u *upstream) checkout(branch string, create bool) {
	u.t.Helper()
	tree, err := u.repo.Worktree()
	if err != nil {
		u.t.Fatal(err)
	}
	if err := tree.Checkout(&gogit.CheckoutOptions{Branch: plumbing.NewBranchReferenceName(branch), Create: create}); err != nil {
		u.t.Fatal(err)
	}
}

// rewind resets the branch to a commit, as a force-push does.
func (u *upstream) rewind(to string) {
	u.t.Helper()
	tree, err := u.repo.Worktree()
	if err != nil {
		u.t.Fatal(err)
	}
	if err := tree.Reset(&gogit.ResetOptions{Commit: plumbing.NewHash(to), Mode: gogit.HardReset}); err != nil {
		u.t.Fatal(err)
	}
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if content == "" {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func load(t *testing.T, g Git) Tree {
	t.Helper()
	s, err := NewGit(g)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func text(tree Tree) map[string]string {
	m := map[string]string{}
	for name, data := range tree.Files {
		m[name] = string(data)
	}
	return m
}

func TestGitReadsPolicyFilesOnly(t *testing.T) {
	u := newUpstream(t)
	id := u.commit(map[string]string{
		"gateway.yaml": "g", "policies/a.yml": "a", "policies/b.yaml": "b",
		"README.md": "no", ".github/workflows/ci.yaml": "no", "policies/.hidden.yaml": "no",
	})
	if err := os.Symlink("README.md", filepath.Join(u.dir, "INTRO.md")); err != nil {
		t.Fatal(err)
	}
	id2 := u.commit(nil)
	writeFiles(t, u.dir, map[string]string{"policies/b.yaml": "not committed"})
	got := load(t, Git{URL: u.dir})
	want := map[string]string{"gateway.yaml": "g", "policies/a.yml": "a", "policies/b.yaml": "b"}
	if d := cmp.Diff(want, text(got)); d != "" {
		t.Error(d)
	}
	if got.Commit != id2 || id == id2 {
		t.Errorf("commit %s, want %s", got.Commit, id2)
	}
	sub := load(t, Git{URL: "file://" + u.dir, Path: "/policies/"})
	if d := cmp.Diff(map[string]string{"a.yml": "a", "b.yaml": "b"}, text(sub)); d != "" {
		t.Error(d)
	}
}

func TestGitBranch(t *testing.T) {
	u := newUpstream(t)
	u.commit(map[string]string{"a.yaml": "main"})
	u.checkout("staging", true)
	staging := u.commit(map[string]string{"a.yaml": "staging"})
	u.checkout("main", false)
	got := load(t, Git{URL: u.dir, Branch: "staging"})
	if got.Commit != staging || string(got.Files["a.yaml"]) != "staging" {
		t.Errorf("got %s %q", got.Commit, got.Files)
	}
	if got := load(t, Git{URL: u.dir}); string(got.Files["a.yaml"]) != "main" {
		t.Errorf("HEAD: got %q", got.Files)
	}
	s, err := NewGit(Git{URL: u.dir, Branch: "nope"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context()); !errors.Is(err, plumbing.ErrReferenceNotFound) {
		t.Errorf("missing branch: %v", err)
	}
}

func TestGitRefuses(t *testing.T) {
	many := map[string]string{}
	for i := range MaxFiles + 1 {
		many["p/"+strings.Repeat("x", i%50)+string(rune('a'+i%26))+time.Duration(i).String()+".yaml"] = "p"
	}
	big := map[string]string{}
	for i := range 17 {
		big[string(rune('a'+i))+".yaml"] = strings.Repeat("x", MaxFileBytes)
	}
	deep := strings.Repeat("d/", maxDepth+1) + "a.yaml"
	tests := map[string]struct {
		files map[string]string
		links map[string]string
		path  string
		want  string
	}{
		"huge file":   {files: map[string]string{"a.yaml": strings.Repeat("x", MaxFileBytes+1)}, want: "a.yaml: larger than 1 MiB"},
		"many files":  {files: many, want: "more than 2000 policy files"},
		"many bytes":  {files: big, want: "more than 16 MiB together"},
		"deep":        {files: map[string]string{deep: "x"}, want: "more than 16 folders deep"},
		"no policies": {files: map[string]string{"README.md": "x"}, want: "no *.yaml or *.yml file in it"},
		"no folder":   {files: map[string]string{"a.yaml": "x"}, path: "policies", want: `no folder "policies" in it`},
		"linked file": {files: map[string]string{"a.yaml": "x"}, links: map[string]string{"b.yaml": "a.yaml"}, want: "b.yaml: a symbolic link"},
		"linked folder": {
			files: map[string]string{"a.yaml": "x", "p/b.yaml": "x"}, links: map[string]string{"q": "p"}, want: "q: a symbolic link",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t)
			writeFiles(t, u.dir, tc.files)
			for link, to := range tc.links {
				if err := os.Symlink(to, filepath.Join(u.dir, link)); err != nil {
					t.Fatal(err)
				}
			}
			id := u.commit(nil)
			s, err := NewGit(Git{URL: u.dir, Path: tc.path})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Load(t.Context())
			var refused *RefusedError
			if !errors.As(err, &refused) || refused.Commit != id || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v\nwant %s", err, tc.want)
			}
			if st := s.Status(); st.Refused != id || !strings.Contains(st.Error, tc.want) {
				t.Errorf("status %+v", st)
			}
		})
	}
}

func TestGitRefusesSubmodule(t *testing.T) {
	u := newUpstream(t)
	parent := u.commit(map[string]string{"a.yaml": "x"})
	commit, err := u.repo.CommitObject(plumbing.NewHash(parent))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := commit.Tree()
	if err != nil {
		t.Fatal(err)
	}
	tree.Entries = append(tree.Entries, object.TreeEntry{Name: "shared", Mode: filemode.Submodule, Hash: commit.Hash})
	stored := u.repo.Storer.NewEncodedObject()
	if err := tree.Encode(stored); err != nil {
		t.Fatal(err)
	}
	if commit.TreeHash, err = u.repo.Storer.SetEncodedObject(stored); err != nil {
		t.Fatal(err)
	}
	stored = u.repo.Storer.NewEncodedObject()
	if err := commit.Encode(stored); err != nil {
		t.Fatal(err)
	}
	at, err := u.repo.Storer.SetEncodedObject(stored)
	if err != nil {
		t.Fatal(err)
	}
	if err := u.repo.Storer.SetReference(plumbing.NewHashReference("refs/heads/main", at)); err != nil {
		t.Fatal(err)
	}
	s, err := NewGit(Git{URL: u.dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = s.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "shared: a submodule") {
		t.Errorf("got %v", err)
	}
}

func TestGitURLs(t *testing.T) {
	tests := map[string]string{
		"https://git.example.com/p.git":            "",
		"ssh://git@git.example.com/p.git":          "",
		"git@git.example.com:p.git":                "",
		"http://127.0.0.1:1/p.git":                 "",
		"http://git.example.com/p.git":             `scheme "http"`,
		"git://git.example.com/p.git":              `scheme "git"`,
		"https://ann:hunter2@git.example.com/p":    "carries a password",
		"https://ann:hunter2@git.example.com/%zz":  "not a URL",
		"ext::sh -c touch% /tmp/x://git.example.c": `scheme "ext"`,
		"ext::sh":            `scheme "ext"`,
		"-oProxyCommand=x:p": "not a URL",
	}
	for raw, want := range tests {
		_, err := NewGit(Git{URL: raw})
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got %v, want %q", raw, err, want)
		case err != nil && strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%s: the error shows the password: %v", raw, err)
		}
	}
	if _, err := NewGit(Git{URL: ".", Path: "../elsewhere"}); err == nil {
		t.Error("a folder outside the repository was accepted")
	}
}
