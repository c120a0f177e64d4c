// Agents runs the agents that people use, headless and from npm, with their models and their tools behind the gateway: Claude Code, Codex
// and Gemini CLI. It counts the tries of what is allowed and of what is refused, and looks whether the person or the model got our words.
//
// The models are fakes that speak the vendors' wire formats; the MCP server is one on the official Go SDK, in both eras. Nothing reaches
// any other host: every agent has a proxy that is not there. It ends with 1 if an agent needed more than one try, or lost our words.
package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"bartizan/test/npm"
)

//go:embed package.json package-lock.json .npmrc
var manifest embed.FS

// longest bounds a run, the installation of the agents and of Envoy included.
const longest = 15 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	failed, err := run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "agents:", err)
	}
	if err != nil || failed > 0 {
		os.Exit(1)
	}
}

func run(ctx context.Context) (failed int, err error) {
	modules, err := npm.Install(ctx, "agents", manifest)
	if err != nil {
		return 0, err
	}
	w, err := newWorld(ctx)
	if err != nil {
		return 0, err
	}
	defer w.close()
	passed := 0
	for _, a := range agents(modules) {
		for _, s := range scenarios() {
			problem := w.play(ctx, a, s)
			if problem == nil {
				passed++
				fmt.Printf("ok    %s: %s\n", a.name, s.name)
				continue
			}
			failed++
			fmt.Printf("FAIL  %s: %s: %v\n", a.name, s.name, problem)
		}
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	return failed, nil
}
