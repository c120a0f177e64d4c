package ads

import (
	"maps"
	"slices"
	"time"

	state "bartizan/xds/status"
)

// Bounds on what is kept of a rejected commit.
const (
	maxErrors     = 100
	maxErrorBytes = 4 << 10
)

// Reject notes a commit that cannot be rolled out, with its errors, for Status. What is in force stays.
func (s *Server) Reject(commit string, errs []string) {
	kept := make([]string, 0, min(len(errs), maxErrors))
	for _, e := range errs[:min(len(errs), maxErrors)] {
		kept = append(kept, e[:min(len(e), maxErrorBytes)])
	}
	s.metrics.rollouts.WithLabelValues(string(outcomeRejected)).Inc()
	s.log.Warn("commit rejected", "commit", commit, "errors", len(errs))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rejected = &state.Rejection{Commit: commit, Time: time.Now().UTC(), Errors: kept}
}

// Status says what is in force, what is under way, and what every connected node has. The result is the caller's.
func (s *Server) Status() state.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := state.Status{Time: time.Now().UTC(), Nodes: s.ledger.describe(s.live)}
	if s.live != nil {
		out.Live = &state.Commit{Commit: s.live.commit, Version: s.live.version, Since: s.since, Nodes: s.ledger.live(s.live)}
	}
	if s.rollout != nil {
		r := *s.rollout
		r.Nodes = s.ledger.live(s.target)
		out.Rollout = &r
	}
	if s.rejected != nil {
		r := *s.rejected
		out.Rejected = &r
	}
	return out
}

// describe lists the nodes, and how they stand to a release, which may be nil.
func (l *ledger) describe(r *release) []state.Node {
	if r == nil {
		r = &release{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	nodes := []state.Node{}
	for _, n := range l.sorted() {
		nodes = append(nodes, n.describe(r))
	}
	return nodes
}

func (n *node) describe(r *release) state.Node {
	out := state.Node{ID: n.id, Class: string(n.class), Connected: n.connected, Live: r.commit != "" && n.live(r), Types: []state.Type{}}
	for _, url := range slices.Sorted(maps.Keys(n.types)) {
		want := r.of(n.class)[url]
		t := n.types[url].describe(url)
		t.Live = r.commit != "" && n.types[url].matches(want)
		if t.Live {
			t.Version = want.version // a node that had it all when it connected has acknowledged nothing
		}
		out.Types = append(out.Types, t)
	}
	return out
}

func (h *held) describe(url string) state.Type {
	t := state.Type{Name: typeName(url), Version: h.version}
	if h.nack != nil {
		nack := *h.nack
		t.Nack = &nack
	}
	return t
}
