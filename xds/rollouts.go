package xds

import (
	"context"
	"sync"

	"bartizan/xds/source"
)

// rollouts publish one tree at a time. They are safe for concurrent use.
type rollouts struct {
	publish func(ctx context.Context, tree, keys source.Tree)

	mu         sync.Mutex
	tree, keys source.Tree
	cancel     context.CancelFunc // of the rollout that runs; nil: there was none yet
	done       chan struct{}      // closed at its end
}

func (r *rollouts) nextTree(ctx context.Context, tree source.Tree) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tree = tree
	r.begin(ctx)
}

// nextKeys publishes the newest tree again, if there is one already and the keys are others.
func (r *rollouts) nextKeys(ctx context.Context, keys source.Tree) {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := keys.Commit != r.keys.Commit
	r.keys = keys
	if changed && r.tree.Commit != "" {
		r.begin(ctx)
	}
}

// begin publishes in place of what runs.
func (r *rollouts) begin(ctx context.Context) {
	r.stop()
	ctx, r.cancel = context.WithCancel(ctx)
	r.done = make(chan struct{})
	go func(tree, keys source.Tree, done chan struct{}) {
		defer close(done)
		r.publish(ctx, tree, keys)
	}(r.tree, r.keys, r.done)
}

// end gives up what runs, and waits for it.
func (r *rollouts) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stop()
}

func (r *rollouts) stop() {
	if r.cancel != nil {
		r.cancel()
		<-r.done
	}
}
