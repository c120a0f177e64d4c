// Conformance runs the official MCP conformance suites (npm @modelcontextprotocol/conformance) against the Go SDK's own conformance
// server: of revision 2025-11-25 with sessions, of revision 2026-07-28 without. With -direct nothing stands between, which shows what
// suites and server make of each other; otherwise each request goes through a whole gateway of real processes, with rules, filtering
// and scanning on (folder policies), and must not be told from a direct one. There is no list of expected failures.
//
// The suites have no option for a header: a proxy on loopback adds the virtual key. They and a Node.js that is new enough for them are
// installed by npm ci, from the lock file beside this one, into .bartizan/conformance. It ends with 1 if a scored scenario fails, or a
// suite scores another number of scenarios than the specification's release counts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// longest bounds a run, the installation of the suites and of Envoy included.
const longest = 10 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	direct := flag.Bool("direct", false, "no gateway: the suites ask the server itself")
	file := flag.String("write", "", "write the failing scenarios to this `file`, or remove it when there are none")
	only := flag.String("scenario", "", "run this `scenario` only, and show all that the suites say of it")
	verbose := flag.Bool("v", false, "print what the suites print, and what the gateway logged and recorded")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(ctx, options{direct: *direct, only: *only, file: *file, verbose: *verbose}); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

type options struct {
	direct  bool
	only    string
	file    string
	verbose bool
}

// errFailing says that scenarios fail; they have been printed.
var errFailing = errors.New("not every scored scenario passes")

func run(ctx context.Context, o options) error {
	ctx, cancel := context.WithTimeoutCause(ctx, longest, fmt.Errorf("not done after %s", longest))
	defer cancel()
	tools, err := install(ctx)
	if err != nil {
		return err
	}
	w, err := newWorld(ctx, tools, o.direct)
	if err != nil {
		return err
	}
	defer w.close()
	if !o.direct {
		if err := w.filters(ctx); err != nil {
			return err
		}
	}
	results, err := w.run(ctx, tools, o)
	if o.verbose {
		fmt.Print(w.logs())
	}
	if err != nil || o.only != "" {
		return err
	}
	return report(results, o.file)
}

// run runs the suites one after the other: a scenario has time limits, which a busy machine would exceed.
func (w *world) run(ctx context.Context, t *tools, o options) ([]*result, error) {
	var results []*result
	for _, s := range suites {
		fmt.Fprintf(os.Stderr, "%s against %s ...\n", s.revision, w.endpoint(s))
		if o.only != "" {
			s.args = []string{"--spec-version", s.revision, "--scenario", o.only}
		}
		r, err := s.run(ctx, t, w.endpoint(s))
		if err != nil {
			return nil, err
		}
		if o.verbose || o.only != "" {
			fmt.Print(r.output)
		}
		results = append(results, r)
	}
	return results, nil
}

// report prints how each suite went, and every failing scenario with what the suite says of it.
func report(results []*result, file string) error {
	failing := ""
	for _, r := range results {
		fmt.Println(r)
		failing += r.failures()
	}
	fmt.Print(failing)
	if file != "" {
		if err := writeFailing(file, failing); err != nil {
			return err
		}
	}
	for _, r := range results {
		if !r.perfect() {
			return errFailing
		}
	}
	return nil
}

func writeFailing(file, failing string) error {
	if failing == "" {
		if err := os.Remove(file); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	text := "# Scenarios that fail through the gate\n\n`make test-conformance` writes this list, and removes it when nothing fails.\n\n" + failing
	return os.WriteFile(file, []byte(text), 0o644)
}
