// Load measures what Bartizan costs: the same load, in one run on one machine, against bare Envoy, Envoy with a processor that does
// nothing, and Bartizan with twenty rules and the audit on. `make bench` runs it and keeps its tables in RESULTS.md.
//
// What is measured (Envoy with one worker thread, and the processor with GOMAXPROCS=1) has one core to itself; the load generator, the
// upstream, NATS and the control servers have another. The three variants take turns within each round, so that a disturbance of the
// machine meets all of them, and medians over the rounds are shown. The tables say where the core of the generator was the limit, and
// how much other processes took of the measured core.
//
// It ends with 1 when anything could not be measured: a request that failed, a processor that was not asked, a record that did not
// reach NATS. A target that was missed is shown, and no error: one run on a busy machine proves little. Everything listens on loopback
// addresses and Unix sockets. It needs Linux and two CPUs.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"bartizan/test/env"
)

// longest bounds a run, the download of Envoy included.
const longest = 10 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	binary := flag.String("bartizan", "", "the bartizan `binary`; empty: it is built")
	file := flag.String("write", "", "also write the tables to this `file`")
	quick := flag.Bool("quick", false, "one short round: shows that everything works, and no figure to believe")
	only := flag.String("only", "", "measure these `scenarios` alone: small, conversation, unseen, session, events, call, list; with commas between")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	p := fullPlan()
	if *quick {
		p = quickPlan()
	}
	err := p.keep(*only)
	if err == nil {
		err = run(ctx, *binary, *file, p)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, binary, file string, p plan) (err error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	if binary == "" {
		if binary, err = env.Binary(); err != nil {
			return err
		}
	}
	r, err := measure(ctx, binary, p, os.Stderr)
	if err != nil {
		return err
	}
	r.machine = thisMachine(ctx)
	r.command = "go run ./test/load " + strings.Join(os.Args[1:], " ")
	text := r.markdown()
	fmt.Print(text)
	if file == "" {
		return nil
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

// measure starts a world, runs the plan in it and ends it.
func measure(ctx context.Context, binary string, p plan, progress io.Writer) (*report, error) {
	began := time.Now()
	w, err := newWorld(ctx, binary)
	if err != nil {
		return nil, err
	}
	defer w.close()
	fmt.Fprintf(progress, "everything runs after %s; measuring takes about %s\n", time.Since(began).Round(time.Second), p.duration().Round(time.Second))
	r := &report{plan: p, began: began, cores: w.cores, samples: map[cell][]observation{}}
	if err := w.runPlan(ctx, p, r, progress); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, w.logs())
	}
	r.took = time.Since(began)
	return r, nil
}
