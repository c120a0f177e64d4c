// Package starter writes a policy repository to begin with: the kinds in their smallest useful form, with comments that teach.
//
// It writes only into a folder that does not exist or is empty, and commits what it wrote, so that the first edit is a diff.
package starter

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

//go:embed repository
var files embed.FS

// keyPlace stands in gateway.yaml where the first virtual key goes.
const keyPlace = "    # (first key)\n"

// Write makes a Git repository in dir with one commit. key is the YAML of the first virtual key, as NewKey makes it.
func Write(dir, key string) error {
	if err := mustBeFree(dir); err != nil {
		return err
	}
	repo, err := git.PlainInitWithOptions(dir, &git.PlainInitOptions{
		InitOptions: git.InitOptions{DefaultBranch: plumbing.NewBranchReferenceName("main")},
	})
	if err != nil {
		return fmt.Errorf("make policy repository %s: %w", dir, err)
	}
	tree, err := repo.Worktree()
	if err != nil {
		return fmt.Errorf("make policy repository %s: %w", dir, err)
	}
	err = fs.WalkDir(files, "repository", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := strings.TrimPrefix(path, "repository/")
		if err := writeFile(dir, path, name, key); err != nil {
			return err
		}
		_, err = tree.Add(name)
		return err
	})
	if err != nil {
		return fmt.Errorf("write policy repository %s: %w", dir, err)
	}
	if _, err := tree.Commit("Begin with the starter policies\n", &git.CommitOptions{Author: author(repo)}); err != nil {
		return fmt.Errorf("commit policy repository %s: %w", dir, err)
	}
	return nil
}

func writeFile(dir, path, name, key string) error {
	raw, err := files.ReadFile(path)
	if err != nil {
		return err
	}
	target := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return os.WriteFile(target, []byte(strings.Replace(string(raw), keyPlace, key, 1)), 0o644)
}

func mustBeFree(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look at %s: %w", dir, err)
	case len(entries) > 0:
		return fmt.Errorf("%s is not empty: nothing was written", dir)
	}
	return nil
}

// author is the person that Git is configured for, else Bartizan.
func author(repo *git.Repository) *object.Signature {
	sig := &object.Signature{Name: "Bartizan", Email: "bartizan@localhost", When: time.Now()}
	if c, err := repo.ConfigScoped(config.GlobalScope); err == nil && c.User.Name != "" {
		sig.Name, sig.Email = c.User.Name, c.User.Email
	}
	return sig
}
