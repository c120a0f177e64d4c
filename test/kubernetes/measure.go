package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// usage is what one container took in a span of time.
type usage struct {
	Pod, Container string
	Memory         int64   // the largest working set seen, in bytes
	Cores          float64 // mean
}

// summary is what a kubelet says of its containers.
type summary struct {
	Pods []struct {
		Ref        struct{ Name, Namespace string } `json:"podRef"`
		Containers []struct {
			Name string `json:"name"`
			CPU  struct {
				Time  time.Time `json:"time"`
				Total int64     `json:"usageCoreNanoSeconds"`
			} `json:"cpu"`
			Memory struct {
				WorkingSet int64 `json:"workingSetBytes"`
			} `json:"memory"`
		} `json:"containers"`
	} `json:"pods"`
}

func (w *world) summary(ctx context.Context) (s summary, err error) {
	out, err := w.Kubectl(ctx, "get", "--raw", "/api/v1/nodes/node1/proxy/stats/summary?only_cpu_and_memory=true")
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		return s, fmt.Errorf("read the kubelet's summary: %w", err)
	}
	return s, nil
}

// measure asks the kubelet until ctx ends what each container of a namespace takes.
func (w *world) measure(ctx context.Context, namespace string) ([]usage, error) {
	type mark struct {
		at    time.Time
		total int64
	}
	first, found := map[string]mark{}, map[string]usage{}
	for ctx.Err() == nil {
		s, err := w.summary(context.WithoutCancel(ctx))
		if err != nil {
			return nil, err
		}
		for _, p := range s.Pods {
			for _, c := range p.Containers {
				if p.Ref.Namespace != namespace {
					continue
				}
				name := p.Ref.Name + "/" + c.Name
				if _, ok := first[name]; !ok {
					first[name] = mark{c.CPU.Time, c.CPU.Total}
				}
				u := usage{Pod: p.Ref.Name, Container: c.Name, Memory: max(found[name].Memory, c.Memory.WorkingSet)}
				if span := c.CPU.Time.Sub(first[name].at).Nanoseconds(); span > 0 {
					u.Cores = float64(c.CPU.Total-first[name].total) / float64(span)
				}
				found[name] = u
			}
		}
		wait(ctx, 2*time.Second)
	}
	all := make([]usage, 0, len(found))
	for _, u := range found {
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b usage) int { return strings.Compare(a.Pod+"/"+a.Container, b.Pod+"/"+b.Container) })
	return all, nil
}
