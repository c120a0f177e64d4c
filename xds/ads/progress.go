package ads

import (
	"context"
	"errors"
	"time"

	state "bartizan/xds/status"
)

// begin notes that a rollout is under way. It passed what rejects a commit, so an earlier rejection is history.
func (s *Server) begin(next *release) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.target, s.rejected = next, nil
	s.rollout = &state.Rollout{
		Commit: next.commit, Version: next.version, State: state.WaitingForExtproc, Started: time.Now().UTC(),
	}
}

// inForce notes that Envoy has been given the commit.
func (s *Server) inForce(next *release) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live, s.since = next, time.Now().UTC()
	s.rollout.State = state.WaitingForEnvoy
	s.metrics.commit.Reset()
	s.metrics.commit.WithLabelValues(next.commit, next.version).Set(1)
}

// end notes what became of a rollout.
func (s *Server) end(ctx context.Context, next *release, late string, err error) {
	st, out := verdict(ctx, late, err)
	s.metrics.rollouts.WithLabelValues(string(out)).Inc()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.target == next {
		s.rollout.State, s.rollout.Reason, s.rollout.Ended = st, late, time.Now().UTC()
		if err != nil {
			s.rollout.Reason = err.Error()
		}
	}
	log := s.log.With("commit", next.commit, "version", next.version, "outcome", out)
	if err != nil || late != "" {
		log.Warn("rollout ended", "late", late, "error", err)
		return
	}
	log.Debug("rollout ended") // the caller says that it is in force
}

func verdict(ctx context.Context, late string, err error) (state.State, outcome) {
	var nack *NackError
	switch {
	case err == nil && late == "":
		return state.Done, outcomeDone
	case err == nil:
		return state.Done, outcomeLate
	case errors.As(err, &nack):
		return state.Stopped, outcomeStopped
	case errors.Is(err, ErrSuperseded):
		return state.Superseded, outcomeSuperseded
	case ctx.Err() != nil:
		return state.Canceled, outcomeCanceled
	default:
		return state.Stopped, outcomeStopped
	}
}
