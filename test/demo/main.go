// Command demo shows what Bartizan does, in half a minute and without an account anywhere: it starts fake vendors (test/fake) and
// `bartizan up` on a policy repository of its own, drives it with the vendors' own SDKs, and prints each step with its decision as
// that arrives from NATS.
//
// The policies are the files of the folder policies. Everything listens on loopback, on ports that the kernel chooses. It exits with 0
// only if every expectation held, within a deadline, and leaves no process and no file behind, also when it is interrupted.
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"
)

//go:embed policies
var policies embed.FS

func main() {
	binary := flag.String("bartizan", ".bartizan/bin/bartizan", "the `file` of the bartizan binary")
	limit := flag.Duration("timeout", 3*time.Minute, "the demo's deadline, the installation of Envoy at its first start included")
	flag.Parse()
	if err := forgetSettings(); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeoutCause(ctx, *limit, fmt.Errorf("not done after %s", *limit))
	colour := isatty.IsTerminal(os.Stdout.Fd()) && os.Getenv("NO_COLOR") == ""
	err := run(ctx, *binary, policies, newScreen(os.Stdout, colour))
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}

// forgetSettings takes what a developer's shell may hold for the real services out of this process: SDKs and bartizan would heed it.
func forgetSettings() error {
	for _, setting := range os.Environ() {
		name, _, _ := strings.Cut(setting, "=")
		for _, prefix := range []string{"ANTHROPIC_", "OPENAI_", "BARTIZAN_"} {
			if strings.HasPrefix(name, prefix) {
				if err := os.Unsetenv(name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// errFailed says that expectations did not hold; the screen has shown which.
var errFailed = errors.New("not every expectation held")

// run plays the demo.
func run(ctx context.Context, binary string, policies fs.FS, s *screen) (err error) {
	if binary, err = filepath.Abs(binary); err != nil {
		return err
	}
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("no bartizan binary (make build makes it): %w", err)
	}
	began := time.Now()
	s.line("Starting fake vendors and the gateway (the first start on a machine installs Envoy) ...")
	w, err := newWorld(ctx, binary, policies, s)
	if stopped := interrupted(ctx); err != nil && stopped != nil {
		return stopped
	} else if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	s.line("Up after %s at %s, with the policies of %s.", since(began), w.gateway.URL, w.repo.Dir)

	held := 0
	steps := w.steps()
	for i, step := range steps {
		s.title(i+1, step.title)
		err := step.play(ctx)
		if stopped := interrupted(ctx); stopped != nil {
			return stopped
		}
		s.verdict(err)
		if err == nil {
			held++
		}
	}
	w.summary(held, len(steps), began)
	if held < len(steps) {
		s.log(w.gateway.Output())
		return errFailed
	}
	return nil
}

// interrupted says why ctx has ended, where it has.
func interrupted(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.Canceled) {
		return errors.New("interrupted")
	}
	return cause
}

func since(t time.Time) time.Duration { return time.Since(t).Round(time.Millisecond) }
