package source

import (
	"context"
	"errors"
	"fmt"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// localRepository is read where it lies. It is opened for each look: what has just been packed or repaired is seen.
type localRepository struct {
	path   string
	branch string
}

func (l *localRepository) open() (*gogit.Repository, error) {
	repo, err := gogit.PlainOpenWithOptions(l.path, &gogit.PlainOpenOptions{EnableDotGitCommonDir: true})
	if err != nil {
		return nil, fmt.Errorf("open repository %s: %w", l.path, err)
	}
	return repo, nil
}

func (l *localRepository) resolve(context.Context) (plumbing.Hash, error) {
	repo, err := l.open()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	ref, err := repo.Reference(branchName(l.branch), true)
	if errors.Is(err, plumbing.ErrReferenceNotFound) && l.branch == "" {
		return plumbing.ZeroHash, errors.New("the repository has no commit yet")
	}
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("look up %s: %w", branchName(l.branch), err)
	}
	return ref.Hash(), nil
}

func (l *localRepository) read(_ context.Context, at plumbing.Hash) (*object.Commit, error) {
	repo, err := l.open()
	if err != nil {
		return nil, err
	}
	commit, err := repo.CommitObject(at)
	if err != nil {
		return nil, fmt.Errorf("read commit %.12s: %w", at.String(), err)
	}
	return commit, nil
}
