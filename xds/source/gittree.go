package source

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// readCommit gathers the policy files below a folder of a commit.
func readCommit(ctx context.Context, commit *object.Commit, folder string) (Tree, error) {
	root, err := commit.Tree()
	if err != nil {
		return Tree{}, fmt.Errorf("read tree: %w", err)
	}
	if folder != "" {
		root, err = root.Tree(folder)
		if errors.Is(err, object.ErrDirectoryNotFound) {
			return Tree{}, &RefusedError{Reason: fmt.Sprintf("no folder %q in it", folder)}
		}
		if err != nil {
			return Tree{}, fmt.Errorf("read folder %s: %w", folder, err)
		}
	}
	w := gitWalk{newCollector()}
	if err := w.dir(ctx, root, "", 0); err != nil {
		return Tree{}, err
	}
	return w.tree(commit.Hash.String())
}

// gitWalk is one walk over a commit.
type gitWalk struct{ *collector }

func (w gitWalk) dir(ctx context.Context, dir *object.Tree, prefix string, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, e := range dir.Entries {
		if skip(e.Name) {
			continue
		}
		name := path.Join(prefix, e.Name)
		if err := w.enter(name, depth); err != nil {
			return err
		}
		if err := w.entry(ctx, dir, e, name, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w gitWalk) entry(ctx context.Context, dir *object.Tree, e object.TreeEntry, name string, depth int) error {
	switch e.Mode {
	case filemode.Dir:
		sub, err := dir.Tree(e.Name)
		if err != nil {
			return fmt.Errorf("read folder %s: %w", name, err)
		}
		return w.dir(ctx, sub, name, depth+1)
	case filemode.Submodule:
		return &RefusedError{Path: name, Reason: "a submodule; its policies would not be seen"}
	case filemode.Symlink:
		if mayHide(name) {
			return refuseLink(name)
		}
		return nil
	default:
		if !isPolicy(name) {
			return nil
		}
		return w.file(dir, e, name)
	}
}

// file adds one file. Its size is asked for first: of a blob over the limit nothing is inflated.
func (w gitWalk) file(dir *object.Tree, e object.TreeEntry, name string) (err error) {
	size, err := dir.Size(e.Name)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if size > MaxFileBytes {
		return tooLarge(name)
	}
	f, err := dir.TreeEntryFile(&e)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	r, err := f.Reader()
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return w.add(name, size, r)
}
