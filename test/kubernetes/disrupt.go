package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// disruption is something that happens to the gateway while it is used.
type disruption struct {
	title string
	do    func(context.Context) error
}

// underLoad lets it happen while requests come, says what clients had of it, and holds all requests against upstreams and records.
func (w *world) underLoad(d disruption) step {
	return step{title: d.title + ", under load", apart: true, take: func(ctx context.Context) error {
		all, err := w.load.during(ctx, d.do)
		w.say("  %s", describe(all))
		w.report.add(d.title, all)
		if err != nil {
			return errors.Join(err, w.diagnose(ctx))
		}
		return errors.Join(w.account(ctx), tolerable(all))
	}}
}

// tolerable bounds what clients may notice.
func tolerable(all []sent) error {
	bad := 0
	for _, s := range all {
		if !s.ok() {
			bad++
		}
	}
	if bad > len(all)/50 {
		return fmt.Errorf("%d of %d requests went wrong", bad, len(all))
	}
	return nil
}

// quiet is what it is all compared with: nothing happens, and it is measured what the pods take.
func (w *world) quiet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	used, err := w.measure(ctx, namespace)
	w.report.used = used
	return err
}

// deletePods deletes pods in order (their grace period is theirs) and waits until others have taken their place.
func (w *world) deletePods(ctx context.Context, component string, n int, choose func([]pod) []pod) error {
	pods, err := w.pods(ctx, component)
	if err != nil {
		return err
	}
	args := []string{"delete", "pod", "-n", namespace}
	for _, p := range choose(pods) {
		args = append(args, p.Metadata.Name)
	}
	if _, err := w.Kubectl(ctx, args...); err != nil {
		return err
	}
	return w.awaitPods(ctx, component, n)
}

func all(pods []pod) []pod { return pods }

func (w *world) loseGateway(ctx context.Context) error {
	return w.deletePods(ctx, "gateway", gateways, w.busiest)
}

// busiest is the pod that took the most CPU: the Service sends all connections of one address to one pod, so it has nearly the whole load.
func (w *world) busiest(pods []pod) []pod {
	cores := map[string]float64{}
	for _, u := range w.report.used {
		cores[u.Pod] += u.Cores
	}
	return []pod{slices.MaxFunc(pods, func(a, b pod) int { return cmp.Compare(cores[a.Metadata.Name], cores[b.Metadata.Name]) })}
}

func (w *world) loseControl(ctx context.Context) error {
	return w.deletePods(ctx, "xds", controls, all)
}

// loseNATS deletes the server that leads the stream of records.
func (w *world) loseNATS(ctx context.Context) error {
	leader, err := w.reader.leader(ctx)
	if err != nil {
		return err
	}
	return w.deletePods(ctx, "nats", servers, func(pods []pod) []pod {
		return slices.DeleteFunc(pods, func(p pod) bool { return !strings.HasPrefix(p.Metadata.Name, leader) })
	})
}

// upgrade changes every pod: another image of Bartizan, and an annotation for the others.
func (w *world) upgrade(ctx context.Context) error {
	_, err := w.Helm(ctx, "upgrade", release, chart, "-n", namespace, "--reuse-values", "--set-string", "images.bartizan.tag=2",
		"--set-string", "scheduling.podAnnotations.upgraded=yes", "--wait", "--timeout", "6m")
	if err != nil {
		return err
	}
	return w.settled(ctx, "registry.test/bartizan:2")
}

func (w *world) rollback(ctx context.Context) error {
	if _, err := w.Helm(ctx, "rollback", release, "1", "-n", namespace, "--wait", "--timeout", "6m"); err != nil {
		return err
	}
	return w.settled(ctx, "registry.test/bartizan:1")
}

// settled waits until all pods are there and ready, and those of the gateway run an image.
func (w *world) settled(ctx context.Context, image string) error {
	for component, n := range map[string]int{"gateway": gateways, "xds": controls, "nats": servers} {
		if err := w.awaitPods(ctx, component, n); err != nil {
			return err
		}
	}
	pods, err := w.pods(ctx, "gateway")
	for _, p := range pods {
		for _, c := range p.Spec.InitContainers {
			err = errors.Join(err, expect("image of a ready gateway pod", c.Image, image))
		}
	}
	return err
}
