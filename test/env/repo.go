package env

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Repo is a Git repository of policies.
type Repo struct {
	Dir string
	git *git.Repository
}

// NewRepo makes a repository with one commit of files (path → content).
func NewRepo(dir string, files map[string]string) (*Repo, error) {
	r, err := git.PlainInitWithOptions(dir, &git.PlainInitOptions{
		InitOptions: git.InitOptions{DefaultBranch: plumbing.NewBranchReferenceName("main")},
	})
	if err != nil {
		return nil, fmt.Errorf("make policy repository: %w", err)
	}
	repo := &Repo{Dir: dir, git: r}
	_, err = repo.Commit("Begin", files)
	return repo, err
}

// OpenRepo opens a repository that is there.
func OpenRepo(dir string) (*Repo, error) {
	r, err := git.PlainOpen(dir)
	if err != nil {
		return nil, fmt.Errorf("open policy repository: %w", err)
	}
	return &Repo{Dir: dir, git: r}, nil
}

// Commit writes files and commits them. An empty content removes the file. It returns the commit.
func (r *Repo) Commit(message string, files map[string]string) (string, error) {
	tree, err := r.git.Worktree()
	if err != nil {
		return "", err
	}
	for name, content := range files {
		path := filepath.Join(r.Dir, filepath.FromSlash(name))
		if content == "" {
			if _, err := tree.Remove(name); err != nil {
				return "", fmt.Errorf("remove %s: %w", name, err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return "", err
		}
		if _, err := tree.Add(name); err != nil {
			return "", fmt.Errorf("add %s: %w", name, err)
		}
	}
	hash, err := tree.Commit(message, &git.CommitOptions{Author: &object.Signature{Name: "Policy Author", Email: "author@example.com", When: time.Now()}})
	if err != nil {
		return "", fmt.Errorf("commit: %w", err)
	}
	return hash.String(), nil
}
