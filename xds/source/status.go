package source

import (
	"errors"
	"time"
)

// Status is what a source knows of its repository.
type Status struct {
	Name        string    `json:"name"`                     // URL or path
	Commit      string    `json:"commit,omitempty"`         // of the tree last read
	LastSuccess time.Time `json:"last_success,omitzero"`    // of the last look that found a tree, be it a known one
	Error       string    `json:"error,omitempty"`          // why the last look found none; empty when it did
	FailedSince time.Time `json:"failed_since,omitzero"`    // of the first look with this error
	Refused     string    `json:"refused_commit,omitempty"` // the commit that Error is about, where there is one
}

// Status returns what is known now.
func (s *Source) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// note takes the end of one look into the status, and logs an error when it is a new one.
func (s *Source) note(commit, have string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var refused *RefusedError
	switch {
	case err == nil:
		s.succeeded(commit)
	case errors.Is(err, errUnchanged) && have == s.status.Refused && have != "":
		// The commit that was refused is still the current one: the error stands.
	case errors.Is(err, errUnchanged):
		s.succeeded(s.status.Commit)
	case errors.As(err, &refused):
		s.failed(err)
		s.status.Refused = refused.Commit
	default:
		s.failed(err)
	}
}

func (s *Source) succeeded(commit string) {
	if s.status.Error != "" {
		s.log.Info("policy repository readable again", "commit", commit)
	}
	s.status = Status{Name: s.name, Commit: commit, LastSuccess: time.Now().UTC()}
}

func (s *Source) failed(err error) {
	if s.status.Error == err.Error() {
		return
	}
	s.status.Error, s.status.FailedSince, s.status.Refused = err.Error(), time.Now().UTC(), ""
	s.log.Warn("policy repository not readable, keeping the last tree", "error", err, "commit", s.status.Commit)
}
