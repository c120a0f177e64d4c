package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"bartizan/test/kubernetes/cluster"
	"bartizan/test/kubernetes/host"
)

// play is what the first process of the room does: it starts the cluster and takes the steps.
func (f flags) play(ctx context.Context) error {
	out := newProgress(os.Stdout)
	if err := host.Enter(f.dir); err != nil {
		return err
	}
	c, err := cluster.Start(ctx, cluster.Options{
		Dir: filepath.Join(f.dir, "cluster"), Programs: f.programs, Images: filepath.Join(f.dir, "images"), Cgroup: f.cgroup, Volumes: 12,
	})
	if err == nil {
		out.say("a node of Kubernetes is ready")
		err = f.steps(ctx, c, out)
	}
	if err == nil {
		return nil
	}
	if f.hold {
		out.say("%v\nheld; look at it with:\n  nsenter -t $(pgrep -f -- '-inside -dir %s' | tail -1) -a env KUBECONFIG=%s/cluster/admin.conf PATH=%s:$PATH kubectl get pods -A",
			err, f.dir, f.dir, f.programs)
		<-ctx.Done()
		return err
	}
	fmt.Fprintln(os.Stderr, c.Logs(4<<10))
	return err
}

// step is one promise of the gateway, or a part of one.
type step struct {
	title string
	take  func(context.Context) error
	apart bool // those after it can be taken whatever has come of it
}

// steps takes the steps in order.
func (f flags) steps(ctx context.Context, c *cluster.Cluster, out *progress) error {
	w := &world{Cluster: c, progress: out, folder: f.dir}
	var broken error
	for _, s := range w.steps() {
		out.say("%s", s.title)
		err := s.take(ctx)
		if err == nil {
			continue
		}
		broken = errors.Join(broken, fmt.Errorf("%s: %w", s.title, err), c.Alive())
		if !s.apart || ctx.Err() != nil {
			return broken
		}
		out.say("  failed: %.300s", err)
	}
	if f.results == "" {
		return broken
	}
	return errors.Join(broken, w.report.write(f.results))
}
