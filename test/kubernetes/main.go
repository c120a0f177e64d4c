// Command kubernetes installs the Helm chart into a real Kubernetes of one node on this machine, and holds the gateway to its promises
// while it is used, edited, broken and upgraded. `make test-kubernetes` runs it.
//
// The node runs in a room of its own (package host) from programs that are built once (package cluster) and images that are built from
// this checkout (package oci); model providers and the MCP server are those of test/fake, outside the cluster. It needs root. It exits with
// 0 only if every step held; then and otherwise nothing of it is left on the machine. Each wait has an end.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"bartizan/test/kubernetes/cluster"
	"bartizan/test/kubernetes/host"
)

// flags of the command; the second part is what the process outside the room tells the one inside.
type flags struct {
	build, run  time.Duration
	check, hold bool
	results     string

	inside                bool
	dir, programs, cgroup string
}

func main() {
	var f flags
	flag.DurationVar(&f.build, "build-timeout", 80*time.Minute, "deadline of the first build of the node's programs")
	flag.DurationVar(&f.run, "timeout", 20*time.Minute, "deadline of everything else")
	flag.BoolVar(&f.check, "check", false, "only say whether a node can run on this machine")
	flag.BoolVar(&f.hold, "hold", false, "keep the cluster when a step has failed, until interrupted")
	flag.StringVar(&f.results, "write", "", "write what was measured into this `file`")
	flag.BoolVar(&f.inside, "inside", false, "(internal) this is the first process of the room")
	flag.StringVar(&f.dir, "dir", "", "(internal) folder of the room")
	flag.StringVar(&f.programs, "programs", "", "(internal) folder of the node's programs")
	flag.StringVar(&f.cgroup, "cgroup", "", "(internal) cgroup of the room")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := f.main(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "\ntest-kubernetes:", err)
		os.Exit(1)
	}
}

func (f flags) main(ctx context.Context) error {
	if f.inside {
		ctx, cancel := context.WithTimeoutCause(ctx, f.run, fmt.Errorf("not done after %s", f.run))
		defer cancel()
		return f.play(ctx)
	}
	if err := host.Check(); err != nil {
		return fmt.Errorf("cannot run here: %w", err)
	}
	if f.check {
		return nil
	}
	return f.outside(ctx)
}

// outside builds what is missing and runs this program again, in the room.
func (f flags) outside(ctx context.Context) (err error) {
	out := newProgress(os.Stdout)
	if err := host.Install(out.say); err != nil {
		return err
	}
	building, cancel := context.WithTimeoutCause(ctx, f.build, fmt.Errorf("not built after %s", f.build))
	defer cancel()
	programs, err := cluster.Build(building, "test/kubernetes/node", out.say)
	if err != nil {
		return err
	}
	out.say("node's programs: %s", programs)
	room, err := host.NewRoom()
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := room.Close(); closeErr != nil {
			err = errors.Join(err, closeErr)
		} else {
			out.say("nothing is left: no process, mount, interface, cgroup or file")
		}
	}()
	if err := writeImages(building, room.Dir, programs); err != nil {
		return err
	}
	out.say("images written")
	cmd := exec.Command("/proc/self/exe", "-inside", "-dir", room.Dir, "-programs", programs, "-cgroup", room.Cgroup,
		"-timeout", f.run.String(), fmt.Sprintf("-hold=%t", f.hold), "-write", f.results)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := room.Run(ctx, cmd); err != nil {
		return fmt.Errorf("the run in the room: %w", errors.Join(err, context.Cause(ctx)))
	}
	return nil
}
