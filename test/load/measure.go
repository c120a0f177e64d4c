package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"

	"bartizan/test/load/gen"
	"bartizan/test/load/proc"
	"bartizan/test/load/sample"
)

// cell is one field of the experiment; each round adds an observation to it.
type cell struct {
	scenario string
	phase    phase
	variant  variant
}

// observation is what one run of the generator showed.
type observation struct {
	gen.Result
	envoy, processor time.Duration // CPU time during the run
	nats             time.Duration // CPU time of NATS, the control servers idle beside it
	driver           time.Duration // CPU time of the generator
	measuredBusy     float64       // share of the measured core that anybody used
	restBusy         float64       // share of the other core that anybody used
	stolen           float64       // share of the measured core that the host gave to others
	others           float64       // share of the measured core that went to none of the measured processes
}

// system is the CPU time of all that is measured.
func (s observation) system() time.Duration { return s.envoy + s.processor }

// each is a time per exchange, in milliseconds.
func (s observation) each(d time.Duration) float64 {
	return d.Seconds() * 1000 / float64(s.Requests)
}

// perCore is how many exchanges a second of CPU time of the measured processes would do.
func (s observation) perCore() float64 { return float64(s.Requests) / s.system().Seconds() }

// warmTime is how long each variant is loaded before the first round, unmeasured.
const warmTime = 500 * time.Millisecond

// settleTime is how long records may take to reach NATS after a load has ended.
const settleTime = 30 * time.Second

// runPlan runs round after round, and in each lets the variants take turns at every load.
func (w *world) runPlan(ctx context.Context, p plan, r *report, progress io.Writer) error {
	for _, s := range p.scenarios {
		for v := range variants {
			warm := load{workers: 8, duration: warmTime}
			if _, err := w.observe(ctx, v, s, warm); err != nil {
				return fmt.Errorf("warm up %s with %s: %w", v, s.name, err)
			}
		}
	}
	for round := range p.rounds {
		for _, s := range p.scenarios {
			for _, l := range s.loads {
				for v := range variants {
					seen, err := w.observe(ctx, v, s, l)
					if err != nil {
						return fmt.Errorf("load %s with %s, %s: %w", v, s.name, l.phase, err)
					}
					at := cell{s.name, l.phase, v}
					r.samples[at] = append(r.samples[at], seen)
					fmt.Fprintf(progress, "round %d  %-12s  %-9s  %-14s  %6d exchanges, p50 %.2f ms, CPU %.3f ms each\n",
						round+1, s.name, l.phase, v, seen.Requests, seen.Latency.P50/1000, seen.each(seen.system()))
				}
			}
		}
	}
	return nil
}

// observe loads one variant and says what it cost. It is an error when anything went wrong on the way: figures of failed requests
// measure nothing.
func (w *world) observe(ctx context.Context, v variant, s scenario, l load) (observation, error) {
	system := w.systems[v]
	before, err := w.read(system)
	if err != nil {
		return observation{}, err
	}
	driven, err := w.drive(ctx, system.url+s.path+l.query, s.body, l)
	if err != nil {
		return observation{}, err
	}
	after, err := w.read(system)
	if err != nil {
		return observation{}, err
	}
	if driven.Failed > 0 || driven.Requests == 0 {
		return observation{}, fmt.Errorf("%d exchanges went well and %d failed: %v", driven.Requests, driven.Failed, driven.Errors)
	}
	out := after.since(before)
	out.Result, out.driver = driven.Result, time.Duration(driven.CPU*float64(time.Second))
	if v != bare && out.processor == 0 {
		return observation{}, errors.New("the processor was not asked")
	}
	if v == bartizan {
		w.exchanges += uint64(driven.Requests)
		return out, w.settle(ctx)
	}
	return out, nil
}

// settle waits until every exchange has its record in NATS, so that the next run is not disturbed, and no record is missing.
func (w *world) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, settleTime, errors.New("records are missing"))
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		have, err := w.records(ctx)
		if err != nil {
			return err
		}
		if have >= w.exchanges {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d records of %d exchanges after %s: %w", have, w.exchanges, settleTime, context.Cause(ctx))
		}
	}
}

// driven is what the generator prints.
type driven struct {
	gen.Result
	CPU float64 `json:"driver_cpu_s"`
}

// drive runs the generator in a process of its own, on our core.
func (w *world) drive(ctx context.Context, url string, body []byte, l load) (d driven, err error) {
	cmd := exec.CommandContext(ctx, w.peer, "drive", url, "--body", "-", "-H", "x-api-key="+sample.Key, "-H", "accept=application/json, text/event-stream",
		"--workers", strconv.Itoa(l.workers), "--rate", fmt.Sprint(l.rate), "--duration", l.duration.String())
	var out, log bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(body), &out, &log
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return d, fmt.Errorf("run the generator: %w\n%s", err, log.String())
	}
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		return d, fmt.Errorf("read what the generator measured: %w", err)
	}
	return d, nil
}

// reading is the time that everything has used, at one moment.
type reading struct {
	at                     time.Time
	envoy, processor, nats time.Duration
	measured, rest         proc.Core
}

func (w *world) read(s *system) (reading, error) {
	r := reading{at: time.Now()}
	var errs [5]error
	r.envoy, errs[0] = proc.CPUTime(s.envoy.PID())
	if s.processor != nil {
		r.processor, errs[1] = proc.CPUTime(s.processor.pid())
	}
	r.nats, errs[2] = proc.CPUTime(os.Getpid())
	r.measured, errs[3] = proc.CoreTime(w.cores.measured)
	r.rest, errs[4] = proc.CoreTime(w.cores.rest)
	return r, errors.Join(errs[:]...)
}

func (r reading) since(before reading) observation {
	s := observation{envoy: r.envoy - before.envoy, processor: r.processor - before.processor, nats: r.nats - before.nats}
	s.measuredBusy, s.stolen = r.measured.Since(before.measured).Shares()
	s.restBusy, _ = r.rest.Since(before.rest).Shares()
	s.others = max(0, s.measuredBusy-s.system().Seconds()/r.at.Sub(before.at).Seconds())
	return s
}
