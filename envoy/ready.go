package envoy

import (
	"context"
	"fmt"
	"time"
)

const readyPoll = 25 * time.Millisecond

// Ready waits until Envoy has its first configuration and serves on at least so many listeners (0: it may have none). When Envoy
// exits before that or ctx ends, the error carries the latest error of Envoy's log: that is where a port that is taken appears.
func (p *Process) Ready(ctx context.Context, listeners int) error {
	var missing error
	for {
		now := p.notReady(ctx, listeners)
		if now == nil {
			return nil
		}
		if missing == nil || ctx.Err() == nil { // a question cut short by ctx says nothing about Envoy
			missing = now
		}
		select {
		case <-p.done:
			if p.err == nil {
				return fmt.Errorf("wait for Envoy: it was stopped")
			}
			return fmt.Errorf("wait for Envoy: %w", p.err)
		case <-ctx.Done():
			if problem := p.relay.lastProblem(); problem != "" {
				return fmt.Errorf("wait for Envoy: %w: %w; Envoy says: %s", ctx.Err(), missing, problem)
			}
			return fmt.Errorf("wait for Envoy: %w: %w", ctx.Err(), missing)
		case <-time.After(readyPoll):
		}
	}
}

// notReady says what Ready still waits for.
func (p *Process) notReady(ctx context.Context, want int) error {
	if err := p.admin.Ready(ctx); err != nil {
		return err
	}
	if want == 0 {
		return nil
	}
	active, err := p.admin.Listeners(ctx)
	if err != nil {
		return err
	}
	if len(active) < want {
		return fmt.Errorf("%d of %d listeners active", len(active), want)
	}
	return nil
}

// Listeners returns the address of each active listener by its name, as host:port or unix:path. A listener configured with
// port 0 has the one that the kernel chose.
func (p *Process) Listeners(ctx context.Context) (map[string]string, error) {
	return p.admin.Listeners(ctx)
}

// Stats returns the counters and gauges whose name matches filter, a regular expression (RE2).
func (p *Process) Stats(ctx context.Context, filter string) (map[string]uint64, error) {
	return p.admin.Stats(ctx, filter)
}
