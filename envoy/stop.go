package envoy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"syscall"
	"time"

	"bartizan/envoy/admin"
)

const (
	drainPoll = 50 * time.Millisecond
	quitTime  = 5 * time.Second // from the order to exit to the exit; then Envoy is killed
)

// Stop ends Envoy: from now on each answer closes its connection, requests in flight may end (for StopTime, or until ctx ends),
// no new connection is taken, and Envoy exits; one that does not is killed. The result is nil when it exited with status 0. Stop
// returns only when Envoy is gone, and may be called again.
func (p *Process) Stop(ctx context.Context) error {
	p.stopping.Store(true)
	if p.config.StopTime > 0 {
		p.drain(ctx)
	}
	p.quit(context.WithoutCancel(ctx), quitTime)
	<-p.done
	if err := os.Remove(p.config.AdminSocket()); err != nil && !os.IsNotExist(err) {
		p.config.Log.Warn("remove admin socket", "error", err)
	}
	return p.err
}

// drain waits until no request is in flight. It does not fail: what cannot be asked cannot be waited for, and Envoy is told to quit.
func (p *Process) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, p.config.StopTime)
	defer cancel()
	go func() {
		select {
		case <-p.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := p.admin.Drain(ctx, 0)
	if err == nil { // idle: now the sockets close too, and what came in between is waited for
		if _, err = p.admin.Do(ctx, http.MethodPost, "/drain_listeners"); err == nil {
			err = p.admin.Idle(ctx)
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		p.config.Log.Warn("envoy stops with requests in flight", "error", err)
	}
}

// quit asks Envoy to exit, over its admin interface or with a signal, and kills it when it does not within limit.
func (p *Process) quit(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if _, err := p.admin.Do(ctx, http.MethodPost, "/quitquitquit"); err != nil {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // its error is that Envoy has exited
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.config.Log.Error("envoy does not exit, killing it", "pid", p.PID())
		_ = p.cmd.Process.Kill()
	}
}

// endOrphan ends an Envoy whose parent died without it. We hold the lock of the run directory, so whatever answers on the admin
// socket there has no parent.
func (c Config) endOrphan(ctx context.Context) error {
	a := admin.New(c.AdminSocket())
	defer a.Close()
	if _, err := a.Do(ctx, http.MethodPost, "/quitquitquit"); err != nil {
		return nil // nobody there: as it should be
	}
	c.Log.WarnContext(ctx, "ended an envoy that was left behind", "run_dir", c.RunDir)
	ctx, cancel := context.WithTimeout(ctx, quitTime)
	defer cancel()
	for {
		if err := a.Ready(ctx); err != nil && ctx.Err() == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("end the Envoy left behind in %s: %w", c.RunDir, ctx.Err())
		case <-time.After(drainPoll):
		}
	}
}
