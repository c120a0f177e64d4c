package envoy

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
)

// Front is an Envoy with the services behind it, all on this machine.
type Front struct {
	Envoy     Config
	Behind    []func(context.Context) error           // the services: each runs until its context ends
	Listeners int                                     // how many are open when the gateway is up
	Wait      time.Duration                           // how long that may take, the download of Envoy included
	Up        func(listeners map[string]string) error // is told the address of each, once
}

// Run starts from the inside out, and ends from the outside in: Envoy ends first, so that no request misses what stands behind it. It
// returns when ctx ends, or when anything ended by itself.
func (f Front) Run(ctx context.Context) error {
	inner, endInner := context.WithCancel(context.WithoutCancel(ctx))
	defer endInner()
	group, inner := errgroup.WithContext(inner)
	for _, service := range f.Behind {
		group.Go(func() error { return service(inner) })
	}
	err := f.run(ctx, inner)
	if inner.Err() != nil {
		err = nil // a service ended by itself: what went wrong with Envoy only follows from that
	}
	endInner()
	return errors.Join(err, group.Wait())
}

// run runs Envoy until ctx ends or what stands behind it does, whose error is not returned here.
func (f Front) run(ctx, inner context.Context) error {
	start, cancel := context.WithTimeout(ctx, f.Wait)
	defer cancel()
	defer context.AfterFunc(inner, cancel)()
	process, err := Start(start, f.Envoy)
	if err == nil {
		defer f.stop(ctx, process)
		err = f.serving(start, process)
	}
	if ctx.Err() != nil {
		return errors.New("interrupted before the gateway was up")
	}
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-inner.Done():
		return nil
	case <-process.Done():
		return process.Err()
	}
}

// serving waits until Envoy serves, and says so.
func (f Front) serving(ctx context.Context, process *Process) error {
	if err := process.Ready(ctx, f.Listeners); err != nil {
		return err
	}
	listeners, err := process.Listeners(ctx)
	if err != nil {
		return err
	}
	return f.Up(listeners)
}

func (f Front) stop(ctx context.Context, process *Process) {
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), process.config.StopTime+10*time.Second)
	defer cancel()
	if err := process.Stop(stop); err != nil {
		process.config.Log.Warn("envoy was ended out of order", "error", err)
	}
}
