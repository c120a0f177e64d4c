package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Directory names a policy folder that is followed as it is on disk, committed or not.
type Directory struct {
	Path     string
	Poll     time.Duration // beside file events, which some mounts do not send; 0: DefaultDirectoryPoll
	Optional bool          // a folder without a policy file is a tree, and an empty one
	Logger   *slog.Logger  // nil: silent
}

// maxTries bounds how often a folder is read again because it changed while it was read.
const maxTries = 5

var errMoving = errors.New("the files keep changing while they are read")

// NewDirectory returns a source that follows a folder. It does not look at it yet.
func NewDirectory(d Directory) (*Source, error) {
	abs, err := filepath.Abs(d.Path)
	if err != nil {
		return nil, fmt.Errorf("policy folder %s: %w", d.Path, err)
	}
	if d.Poll == 0 {
		d.Poll = DefaultDirectoryPoll
	}
	return newSource(abs, &dirLoader{path: abs, optional: d.Optional}, d.Poll, d.Logger), nil
}

// dirLoader reads a folder. Links are followed as long as they stay below it: a mounted ConfigMap is made of them.
type dirLoader struct {
	path     string
	optional bool

	mu      sync.Mutex
	watched func(folders []string) // tells the watcher which folders there are; nil while nobody watches
}

func (d *dirLoader) load(ctx context.Context, have string) (Tree, error) {
	tree, err := d.snapshot(ctx)
	if err != nil {
		return Tree{}, err
	}
	if tree.Commit == have {
		return Tree{}, errUnchanged
	}
	// New content: read until two readings agree, since an editor or a mount may be in the middle of it.
	for range maxTries {
		again, err := d.snapshot(ctx)
		if err != nil {
			return Tree{}, err
		}
		if again.Commit == tree.Commit {
			return tree, nil
		}
		tree = again
	}
	return Tree{}, errMoving
}

// snapshot reads the folder once.
func (d *dirLoader) snapshot(ctx context.Context) (Tree, error) {
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return Tree{}, fmt.Errorf("open policy folder: %w", err)
	}
	defer root.Close()
	w := dirWalk{collector: newCollector(), fsys: root.FS()}
	if err := w.dir(ctx, ".", 0); err != nil {
		return Tree{}, err
	}
	d.watch(w.folders)
	if d.optional && len(w.files) == 0 {
		return Tree{Commit: digest(nil)}, nil
	}
	return w.tree(digest(w.files))
}
