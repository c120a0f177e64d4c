package ads

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"bartizan/xds/snapshot"
)

// ErrSuperseded is what Publish returns when a newer commit took its place before Envoy learned of it.
var ErrSuperseded = errors.New("superseded by a newer commit")

// NackError says that a replica of extproc did not accept the bundle. Nothing of the commit is in force.
type NackError struct {
	Node   string
	Detail string // in the node's words, at most 1 KiB
}

func (e *NackError) Error() string { return fmt.Sprintf("%s refused the bundle: %s", e.Node, e.Detail) }

var errAckTimeout = errors.New("not acknowledged in time")

// Publish rolls a commit out: the bundle to extproc, and when all connected replicas have acknowledged it, the rest to Envoy.
//
// It waits for each class of nodes AckTimeout at most, and not at all where none is connected. A replica that is late is named in
// the status and does not stop the rollout: it refuses routes that its bundle does not know. A replica that refuses the
// bundle does: the error is a *NackError, and all replicas are served the bundle before. A later Publish supersedes one that waits.
// A refusal by Envoy is in the status and the log: by then the commit is in force. The snapshot must not be changed afterwards.
func (s *Server) Publish(ctx context.Context, snap *snapshot.Snapshot) error {
	next, err := newRelease(snap)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	ctx, cancel := s.overtake(ctx)
	defer cancel(nil)
	s.turn.Lock()
	defer s.turn.Unlock()
	late := ""
	if err = context.Cause(ctx); err == nil {
		s.begin(next)
		late, err = s.rollOut(ctx, next)
	}
	s.end(ctx, next, late, err)
	if err != nil {
		return fmt.Errorf("publish commit %s: %w", next.commit, err)
	}
	return nil
}

// overtake ends the waiting of the rollout before this one.
func (s *Server) overtake(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.supersede != nil {
		s.supersede(ErrSuperseded)
	}
	s.supersede = cancel
	return ctx, cancel
}

// rollOut takes both steps. late names who was too slow.
func (s *Server) rollOut(ctx context.Context, next *release) (late string, err error) {
	if err := s.serve(ctx, classExtproc, next.extproc); err != nil {
		return "", err
	}
	err = s.await(ctx, func(nodes []*node) (bool, error) { return bundleTaken(nodes, next) })
	var nack *NackError
	switch {
	case errors.Is(err, errAckTimeout):
		late = s.late(next)
	case errors.As(err, &nack):
		return "", errors.Join(err, s.restore(ctx))
	case err != nil:
		return "", err
	}
	return late, s.rollOutEnvoy(ctx, next)
}

// rollOutEnvoy gives Envoy the new resources, and takes away what only the old routes need once nobody has these any more. From
// its beginning the commit is in force. When Envoy refuses something, what it still uses stays until the next commit.
func (s *Server) rollOutEnvoy(ctx context.Context, next *release) error {
	bridge, needed := next.envoy.bridge(s.envoyHas)
	if err := s.serve(ctx, classEnvoy, bridge); err != nil {
		return err
	}
	s.inForce(next)
	if !needed {
		return nil
	}
	err := s.await(ctx, func(nodes []*node) (bool, error) { return envoyTaken(nodes, bridge) })
	if err != nil && !errors.Is(err, errAckTimeout) {
		s.log.Warn("keeping what the routes before this commit need", "commit", next.commit, "reason", err)
		return nil
	}
	return s.serve(ctx, classEnvoy, next.envoy)
}

// serve sets what a class of nodes is served. It does not block: the cache has room for a response of every type to every node.
func (s *Server) serve(ctx context.Context, c class, r resources) error {
	if c == classEnvoy {
		s.envoyHas = r
	}
	if err := s.cache.SetSnapshot(context.WithoutCancel(ctx), string(c), r); err != nil {
		return fmt.Errorf("serve %s: %w", c, err)
	}
	return nil
}

// restore serves extproc the bundle in force again. Before the first commit there is none, and nothing to take back.
func (s *Server) restore(ctx context.Context) error {
	s.mu.Lock()
	live := s.live
	s.mu.Unlock()
	if live == nil {
		return nil
	}
	return s.serve(ctx, classExtproc, live.extproc)
}

func (s *Server) await(ctx context.Context, judge func([]*node) (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.options.AckTimeout, errAckTimeout)
	defer cancel()
	return s.ledger.await(ctx, judge)
}

// bundleTaken tells whether all replicas have the bundle of r.
func bundleTaken(nodes []*node, r *release) (bool, error) {
	done := true
	for _, n := range nodes {
		h := n.types[BundleType]
		if n.class != classExtproc || h == nil {
			continue
		}
		if h.refused == r.extproc[BundleType].version {
			return false, &NackError{Node: n.id, Detail: h.nack.Detail}
		}
		done = done && h.matches(r.extproc[BundleType])
	}
	return done, nil
}

// envoyTaken tells whether all Envoys have all of r.
func envoyTaken(nodes []*node, r resources) (bool, error) {
	done := true
	for _, n := range nodes {
		if n.class != classEnvoy {
			continue
		}
		for url, h := range n.types {
			if h.refused != "" && h.refused == r[url].version {
				return false, fmt.Errorf("%s refused %s: %s", n.id, typeName(url), h.nack.Detail)
			}
			done = done && h.matches(r[url])
		}
	}
	return done, nil
}

// late names the replicas that do not have the bundle of r.
func (s *Server) late(r *release) string {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	var names []string
	for _, n := range s.ledger.sorted() {
		if h := n.types[BundleType]; n.class == classExtproc && h != nil && !h.matches(r.extproc[BundleType]) {
			names = append(names, n.id)
		}
	}
	return fmt.Sprintf("bundle not acknowledged within %s by %s", s.options.AckTimeout, strings.Join(names, ", "))
}
