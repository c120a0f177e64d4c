package source

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
)

// digest names a content: "dir-" and the first 12 hex digits of SHA-256 over names and contents, each with its length.
func digest(files map[string][]byte) string {
	h := sha256.New()
	var buf []byte
	for _, name := range slices.Sorted(maps.Keys(files)) {
		buf = binary.BigEndian.AppendUint64(buf[:0], uint64(len(name)))
		buf = append(buf, name...)
		buf = binary.BigEndian.AppendUint64(buf, uint64(len(files[name])))
		h.Write(buf)
		h.Write(files[name])
	}
	return "dir-" + hex.EncodeToString(h.Sum(nil))[:12]
}

// dirWalk is one walk over a folder.
type dirWalk struct {
	*collector
	fsys    fs.FS // refuses what leads out of the folder
	folders []string
}

func (w *dirWalk) dir(ctx context.Context, name string, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.folders = append(w.folders, name)
	entries, err := fs.ReadDir(w.fsys, name)
	if err != nil {
		return fmt.Errorf("read folder: %w", err)
	}
	for _, e := range entries {
		if skip(e.Name()) {
			continue
		}
		sub := path.Join(name, e.Name())
		if err := w.enter(sub, depth); err != nil {
			return err
		}
		if err := w.entry(ctx, e, sub, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *dirWalk) entry(ctx context.Context, e fs.DirEntry, name string, depth int) error {
	switch {
	case e.IsDir():
		return w.dir(ctx, name, depth+1)
	case e.Type()&fs.ModeSymlink != 0 && !isPolicy(name):
		if mayHide(name) {
			return w.linkedFolder(name)
		}
		return nil
	case !isPolicy(name):
		return nil
	default:
		return w.file(name)
	}
}

// linkedFolder refuses a link to a folder, of which the policies would not be seen; a link to anything else is no policy.
func (w *dirWalk) linkedFolder(name string) error {
	info, err := fs.Stat(w.fsys, name)
	if err == nil && !info.IsDir() {
		return nil
	}
	return refuseLink(name)
}

// file adds one file, through a link if it stays in the folder.
func (w *dirWalk) file(name string) (err error) {
	info, err := fs.Stat(w.fsys, name)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if !info.Mode().IsRegular() {
		return &RefusedError{Path: name, Reason: "not a regular file"}
	}
	f, err := w.fsys.Open(name)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return w.add(name, info.Size(), f)
}
