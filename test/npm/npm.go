// Package npm installs packages of npm for tests, from a lock file that the test embeds.
package npm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"bartizan/test/env"
)

// Install runs npm ci for the package.json and package-lock.json in manifest, once a lock file, and returns the folder node_modules. It
// lies below .bartizan/<name> of the checkout.
func Install(ctx context.Context, name string, manifest fs.FS) (modules string, err error) {
	root, err := env.ModuleRoot()
	if err != nil {
		return "", err
	}
	lock, err := fs.ReadFile(manifest, "package-lock.json")
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, ".bartizan", name, fmt.Sprintf("%.12x", sha256.Sum256(lock)))
	modules = filepath.Join(dir, "node_modules")
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		return modules, err
	}
	return modules, install(ctx, dir, manifest)
}

// install lets npm work in a folder beside dir, which becomes dir when it is whole.
func install(ctx context.Context, dir string, manifest fs.FS) error {
	fmt.Fprintln(os.Stderr, "npm installs, once a lock file ...")
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	next, err := os.MkdirTemp(filepath.Dir(dir), "next-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(next)
	if err := os.CopyFS(next, manifest); err != nil {
		return err
	}
	npm := exec.CommandContext(ctx, "npm", "ci")
	npm.Dir = next
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return os.Rename(next, dir)
}
