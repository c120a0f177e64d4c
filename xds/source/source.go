package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Delays of a source.
const (
	DefaultGitPoll       = 5 * time.Second
	DefaultDirectoryPoll = 10 * time.Second // the belt: file events are the braces
	MinPoll              = 100 * time.Millisecond

	loadTimeout = 60 * time.Second       // of one look at the repository, a fetch included
	maxDelay    = 30 * time.Second       // between retries, unless the poll itself is slower
	quiet       = 100 * time.Millisecond // after the last file event, before the files are read
	maxQuiet    = time.Second            // after the first one, however many follow
)

// Source follows one repository or directory. NewGit and NewDirectory make one.
type Source struct {
	name string
	poll time.Duration
	log  *slog.Logger

	nudged  chan struct{} // somebody asks for a look
	loading sync.Mutex    // held while the loader runs
	loader  loader

	mu     sync.Mutex
	status Status
}

// loader looks at one repository. It is called by one goroutine at a time.
type loader interface {
	// load reads the current tree. have is the commit that the caller has already concluded about: errUnchanged says that it
	// still is the current one. A *RefusedError means that the commit is there and will not do.
	load(ctx context.Context, have string) (Tree, error)

	// hints tells when a look would be worth while, until stop is called. The channel is nil where only polling helps.
	hints() (c <-chan struct{}, stop func(), err error)
}

var errUnchanged = errors.New("unchanged")

// RefusedError says that the content of the repository cannot be a tree, whatever the policies in it say: a limit, a symbolic
// link, a submodule, no policy file at all. Looking again does not help before somebody changes it.
type RefusedError struct {
	Commit string // empty for a directory
	Path   string // slash-separated, below the policy folder; empty when the folder as a whole is meant
	Reason string
}

func (e *RefusedError) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return e.Path + ": " + e.Reason
}

func newSource(name string, l loader, poll time.Duration, log *slog.Logger) *Source {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Source{
		name: name, poll: max(poll, MinPoll), loader: l,
		log: log.With("source", name), nudged: make(chan struct{}, 1),
		status: Status{Name: name},
	}
}

// Look asks Run to look now, and does not wait for it.
func (s *Source) Look() {
	select {
	case s.nudged <- struct{}{}:
	default: // a look is due already
	}
}

// Load reads the current tree once.
func (s *Source) Load(ctx context.Context) (Tree, error) {
	tree, err := s.read(ctx, "")
	if err != nil {
		return Tree{}, fmt.Errorf("load policies from %s: %w", s.name, err)
	}
	return tree, nil
}

// Run yields the current tree, then each new one, until ctx ends; then it returns nil. yield is called from this goroutine, and
// nothing is read while it runs. An error of the first load is returned and ends Run; later ones are in Status.
func (s *Source) Run(ctx context.Context, yield func(Tree)) error {
	hints, stop, err := s.loader.hints()
	if err != nil {
		s.log.Warn("file events are not available, polling only", "error", err)
	}
	defer stop()
	tree, err := s.Load(ctx)
	if err != nil {
		return err
	}
	yield(tree)
	s.follow(ctx, hints, tree.Commit, yield)
	return nil
}

// follow is Run after the first tree. have is the commit last concluded about, be it yielded or refused.
func (s *Source) follow(ctx context.Context, hints <-chan struct{}, have string, yield func(Tree)) {
	failures := 0
	for s.pause(ctx, s.delay(failures), hints) {
		tree, err := s.read(ctx, have)
		var refused *RefusedError
		switch {
		case err == nil:
			have, failures = tree.Commit, 0
			yield(tree)
		case errors.Is(err, errUnchanged):
			failures = 0
		case errors.As(err, &refused):
			have, failures = refused.Commit, 0
		default:
			failures++
		}
	}
}

// delay doubles with each failure.
func (s *Source) delay(failures int) time.Duration {
	return min(s.poll<<min(failures, 10), max(s.poll, maxDelay))
}

// pause waits for the delay, for a nudge, or for file events to settle. It reports false when ctx has ended.
func (s *Source) pause(ctx context.Context, delay time.Duration, hints <-chan struct{}) bool {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-s.nudged:
		return true
	case <-hints:
		return settle(ctx, hints)
	}
}

// settle waits until no event came for a while, or for maxQuiet.
func settle(ctx context.Context, hints <-chan struct{}) bool {
	limit := time.NewTimer(maxQuiet)
	defer limit.Stop()
	for {
		calm := time.NewTimer(quiet)
		select {
		case <-ctx.Done():
			calm.Stop()
			return false
		case <-limit.C:
			calm.Stop()
			return true
		case <-calm.C:
			return true
		case <-hints:
			calm.Stop()
		}
	}
}

// read looks once, within loadTimeout, and notes what came of it.
func (s *Source) read(ctx context.Context, have string) (Tree, error) {
	s.loading.Lock()
	defer s.loading.Unlock()
	bounded, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	tree, err := s.loader.load(bounded, have)
	if err != nil && ctx.Err() != nil {
		return Tree{}, err // we are asked to stop: that says nothing about the repository
	}
	s.note(tree.Commit, have, err)
	return tree, err
}
