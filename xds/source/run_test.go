package source

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gogit "github.com/go-git/go-git/v5"
)

// follow runs a source in a synctest bubble. next lets one poll happen and returns the tree that it yielded, if it did.
func follow(t *testing.T, g Git) (s *Source, next func() string) {
	t.Helper()
	g.Poll = 5 * time.Second
	s, err := NewGit(g)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	trees, done := make(chan Tree, 1), make(chan error, 1)
	go func() { done <- s.Run(ctx, func(t Tree) { trees <- t }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	first := true
	return s, func() string {
		if !first {
			time.Sleep(g.Poll) // the bubble's clock
		}
		first = false
		synctest.Wait()
		select {
		case tree := <-trees:
			return tree.Commit
		default:
			return ""
		}
	}
}

func TestRunFollowsCommitsAndForcePushes(t *testing.T) {
	u := newUpstream(t)
	one := u.commit(map[string]string{"a.yaml": "1"})
	synctest.Test(t, func(t *testing.T) {
		s, next := follow(t, Git{URL: u.dir})
		step := func(what, want string) {
			t.Helper()
			if got := next(); got != want {
				t.Fatalf("%s: yielded %q, want %q", what, got, want)
			}
		}
		step("first tree", one)
		step("nothing new", "")
		two := u.commit(map[string]string{"a.yaml": "2"})
		step("new commit", two)
		u.rewind(one)
		step("force-push back", one)
		three := u.commit(map[string]string{"a.yaml": "3"})
		step("force-push aside", three)
		if st := s.Status(); st.Commit != three || st.Error != "" || st.LastSuccess.IsZero() {
			t.Errorf("status %+v", st)
		}
	})
}

func TestRunKeepsLastTree(t *testing.T) {
	u := newUpstream(t)
	one := u.commit(map[string]string{"a.yaml": "1"})
	synctest.Test(t, func(t *testing.T) {
		s, next := follow(t, Git{URL: u.dir})
		if got := next(); got != one {
			t.Fatalf("first tree %q", got)
		}
		away := u.dir + ".away"
		if err := os.Rename(u.dir, away); err != nil {
			t.Fatal(err)
		}
		if got := next(); got != "" {
			t.Errorf("yielded %q from a repository that is away", got)
		}
		if st := s.Status(); st.Error == "" || st.Commit != one || st.Refused != "" {
			t.Errorf("away: status %+v", st)
		}
		if err := os.Rename(away, u.dir); err != nil {
			t.Fatal(err)
		}
		next() // the delay has doubled: this poll may not look yet
		next()
		if st := s.Status(); st.Error != "" || st.Commit != one {
			t.Errorf("back: status %+v", st)
		}
		bad := u.commit(map[string]string{"a.yaml": strings.Repeat("x", MaxFileBytes+1)})
		if got := next(); got != "" {
			t.Errorf("yielded a refused commit %q", got)
		}
		next() // the same commit, known to be refused: the error stands
		if st := s.Status(); st.Refused != bad || st.Commit != one || !strings.Contains(st.Error, "larger than") {
			t.Errorf("refused: status %+v", st)
		}
		two := u.commit(map[string]string{"a.yaml": "2"})
		if got := next(); got != two {
			t.Errorf("repaired: yielded %q, want %q", got, two)
		}
		if st := s.Status(); st.Error != "" || st.Refused != "" {
			t.Errorf("repaired: status %+v", st)
		}
	})
}

func TestBrokenRepositoryIsReadAgainOnceRepaired(t *testing.T) {
	u := newUpstream(t)
	id := u.commit(map[string]string{"a.yaml": "1"})
	object := filepath.Join(u.dir, ".git", "objects", id[:2], id[2:])
	if err := os.Rename(object, object+".away"); err != nil {
		t.Fatal(err)
	}
	s, err := NewGit(Git{URL: u.dir})
	if err != nil {
		t.Fatal(err)
	}
	var refused *RefusedError
	if err := s.Run(t.Context(), func(Tree) { t.Error("yielded a tree") }); err == nil || errors.As(err, &refused) {
		t.Fatalf("got %v, want an error that is worth a retry", err)
	}
	if err := os.Rename(object+".away", object); err != nil {
		t.Fatal(err)
	}
	if tree, err := s.Load(t.Context()); err != nil || tree.Commit != id {
		t.Errorf("got %v, %v", tree.Commit, err)
	}
}

func TestFirstLoadErrorEndsRun(t *testing.T) {
	s, err := NewGit(Git{URL: filepath.Join(t.TempDir(), "nothing")})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Run(t.Context(), func(Tree) { t.Error("yielded a tree") })
	if !errors.Is(err, gogit.ErrRepositoryNotExists) {
		t.Errorf("got %v", err)
	}
}
