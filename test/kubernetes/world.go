package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"bartizan/test/kubernetes/cluster"
	"bartizan/xds/status"
)

// world is everything that the steps need.
type world struct {
	*cluster.Cluster
	*progress
	folder    string // of this run
	upstreams *upstreams
	forge     forge
	key       string // a virtual key, of the group finance
	url       string // of the gateway, through the NodePort
	reader    reader
	load      *load
	report    report
}

func (w *world) steps() []step {
	steps := []step{
		{title: "upstreams outside the cluster, a Git server in it", take: w.prepare},
		{title: "helm install", take: w.install},
		{title: "helm test", take: w.helmTest, apart: true},
		{title: "model calls through the NodePort, with the vendors' SDKs", take: w.models},
		{title: "tool calls, with the MCP SDK", take: w.tools},
		{title: "a rule is committed", take: w.ruleCommitted},
		{title: "a commit with an error changes nothing", take: w.brokenCommit},
	}
	for _, d := range []disruption{
		{"nothing happens", w.quiet},
		{"a gateway pod is deleted", w.loseGateway},
		{"both xds pods are deleted", w.loseControl},
		{"the NATS pod that leads is deleted", w.loseNATS},
		{"helm upgrade of every pod", w.upgrade},
		{"helm rollback", w.rollback},
	} {
		steps = append(steps, w.underLoad(d))
	}
	return append(steps, step{title: "bartizan verify", take: w.verify}, step{title: "helm uninstall", take: w.uninstall})
}

// The release.
const (
	namespace = "bartizan"
	gateways  = 3
	controls  = 2
	servers   = 3 // of NATS
)

// pod is what we read of one.
type pod struct {
	Metadata struct {
		Name     string
		Deletion string `json:"deletionTimestamp"`
	}
	Spec struct {
		InitContainers []struct{ Image string }
	}
	Status struct {
		PodIP      string
		Conditions []struct{ Type, Status string }
	}
}

// ready says whether a pod is ready and stays.
func (p pod) ready() bool {
	for _, c := range p.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status == "True" && p.Metadata.Deletion == ""
		}
	}
	return false
}

// pods of a component of the release that are ready.
func (w *world) pods(ctx context.Context, component string) (ready []pod, err error) {
	var list struct{ Items []pod }
	if err := w.Get(ctx, &list, "pods", "-n", namespace, "-l", "app.kubernetes.io/component="+component); err != nil {
		return nil, err
	}
	for _, p := range list.Items {
		if p.ready() {
			ready = append(ready, p)
		}
	}
	return ready, nil
}

// awaitPods waits until a component has so many ready pods.
func (w *world) awaitPods(ctx context.Context, component string, n int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 3*time.Minute, fmt.Errorf("not %d of %s within 3 minutes", n, component))
	defer cancel()
	return w.Await(ctx, component, func() bool {
		pods, err := w.pods(ctx, component)
		return err == nil && len(pods) == n
	})
}

// statuses asks every control server for its state.
func (w *world) statuses(ctx context.Context) (all []status.Status, err error) {
	pods, err := w.pods(ctx, "xds")
	for _, p := range pods {
		var s status.Status
		if err := fetch(ctx, fmt.Sprintf("http://%s:18001/status", p.Status.PodIP), &s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, err
}

func fetch(ctx context.Context, url string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	return json.NewDecoder(res.Body).Decode(into)
}

// live waits until a commit is in force on every node of every control server: two nodes (Envoy and extproc) a gateway pod.
func (w *world) live(ctx context.Context, commit string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, fmt.Errorf("commit %s is not live within a minute", commit))
	defer cancel()
	return w.Await(ctx, "the commit to be live", func() bool {
		all, err := w.statuses(ctx)
		nodes := 0
		for _, s := range all {
			if s.Live == nil || s.Live.Commit != commit || s.Live.Nodes != len(s.Nodes) {
				return false
			}
			nodes += s.Live.Nodes
		}
		return err == nil && len(all) == controls && nodes == 2*gateways
	})
}

// rejected waits until every control server has found the errors of a commit, and returns the first.
func (w *world) rejected(ctx context.Context, commit string) (place string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, fmt.Errorf("commit %s is not rejected within a minute", commit))
	defer cancel()
	err = w.Await(ctx, "the commit to be rejected", func() bool {
		all, err := w.statuses(ctx)
		for _, s := range all {
			if s.Rejected == nil || s.Rejected.Commit != commit || len(s.Rejected.Errors) == 0 {
				return false
			}
			place = s.Rejected.Errors[0]
		}
		return err == nil && len(all) == controls
	})
	return place, err
}
