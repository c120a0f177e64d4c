package source

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func newDir(t *testing.T, path string) *Source {
	t.Helper()
	// A poll that never comes: what the tests see, file events brought.
	s, err := NewDirectory(Directory{Path: path, Poll: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run follows a folder for real; the function returned waits for the next tree.
func run(t *testing.T, s *Source) func() Tree {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	trees, done := make(chan Tree), make(chan error, 1)
	go func() {
		done <- s.Run(ctx, func(tree Tree) {
			select {
			case trees <- tree:
			case <-ctx.Done():
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return func() Tree {
		t.Helper()
		select {
		case tree := <-trees:
			return tree
		case <-time.After(20 * time.Second):
			t.Fatalf("no tree; status %+v", s.Status())
			return Tree{}
		}
	}
}

func TestDirectoryFollowsEdits(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"a.yaml": "1", "README.md": "no", ".git/config.yaml": "no"})
	next := run(t, newDir(t, dir))
	first := next()
	if d := cmp.Diff(map[string]string{"a.yaml": "1"}, text(first)); d != "" {
		t.Error(d)
	}
	if !regexp.MustCompile(`^dir-[0-9a-f]{12}$`).MatchString(first.Commit) {
		t.Errorf("commit %q", first.Commit)
	}
	writeFiles(t, dir, map[string]string{"new/deep/b.yaml": "2"})
	if d := cmp.Diff(map[string]string{"a.yaml": "1", "new/deep/b.yaml": "2"}, text(next())); d != "" {
		t.Error(d)
	}
	writeFiles(t, dir, map[string]string{"new/deep/b.yaml": "3"}) // in a folder that did not exist at first
	if d := cmp.Diff(map[string]string{"a.yaml": "1", "new/deep/b.yaml": "3"}, text(next())); d != "" {
		t.Error(d)
	}
	writeFiles(t, dir, map[string]string{"new": ""})
	if again := next(); again.Commit != first.Commit {
		t.Errorf("the same content has commit %s, first %s", again.Commit, first.Commit)
	}
}

// TestDirectoryConfigMap swaps ..data as the kubelet does.
func TestDirectoryConfigMap(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"..one/a.yaml": "1", "..two/a.yaml": "2"})
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("..one", "..data")
	link("..data/a.yaml", "a.yaml")
	next := run(t, newDir(t, dir))
	if d := cmp.Diff(map[string]string{"a.yaml": "1"}, text(next())); d != "" {
		t.Error(d)
	}
	link("..two", "..data_tmp")
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"a.yaml": "2"}, text(next())); d != "" {
		t.Error(d)
	}
}

func TestDirectoryRefuses(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "b.yaml")
	writeFiles(t, filepath.Dir(outside), map[string]string{"b.yaml": "secret"})
	tests := map[string]struct {
		links map[string]string
		files map[string]string
		want  string
	}{
		"link out":      {links: map[string]string{"b.yaml": outside}, want: "read b.yaml"},
		"linked folder": {files: map[string]string{"p/c.yaml": "x"}, links: map[string]string{"q": "p"}, want: "q: a symbolic link"},
		"broken link":   {links: map[string]string{"b.yaml": "gone"}, want: "read b.yaml"},
		"empty":         {files: map[string]string{"a.yaml": ""}, want: "no *.yaml or *.yml file"},
		"huge":          {files: map[string]string{"b.yaml": strings.Repeat("x", MaxFileBytes+1)}, want: "b.yaml: larger than 1 MiB"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"a.yaml": "1"})
			writeFiles(t, dir, tc.files)
			for link, to := range tc.links {
				if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
					t.Fatal(err)
				}
			}
			if tree, err := newDir(t, dir).Load(t.Context()); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, %v; want %s", text(tree), err, tc.want)
			}
		})
	}
}

// scripted is a loader that answers from a list, then repeats its last answer.
type scripted struct {
	answers []any // commit or error
	looks   []time.Duration
	start   time.Time
	hint    chan struct{}
}

func (s *scripted) hints() (<-chan struct{}, func(), error) { return s.hint, func() {}, nil }

func (s *scripted) load(context.Context, string) (Tree, error) {
	s.looks = append(s.looks, time.Since(s.start))
	answer := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	if err, ok := answer.(error); ok {
		return Tree{}, err
	}
	return Tree{Commit: answer.(string)}, nil
}

func TestDelays(t *testing.T) {
	away := errors.New("away")
	sec := func(s ...time.Duration) []time.Duration {
		for i := range s {
			s[i] *= time.Second
		}
		return s
	}
	tests := map[string]struct {
		answers []any
		want    []time.Duration
	}{
		"steady":             {[]any{"1", errUnchanged}, sec(0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55)},
		"away":               {[]any{"1", away}, sec(0, 5, 15, 35)}, // then at most 30 s apart: 65
		"refused":            {[]any{"1", &RefusedError{Commit: "2"}, errUnchanged}, sec(0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55)},
		"away and back soon": {[]any{"1", away, away, errUnchanged}, sec(0, 5, 15, 35, 40, 45, 50, 55)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &scripted{answers: tc.answers, start: time.Now()}
				ctx, cancel := context.WithTimeout(t.Context(), 59*time.Second)
				defer cancel()
				if err := newSource("test", l, 5*time.Second, nil).Run(ctx, func(Tree) {}); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(tc.want, l.looks); d != "" {
					t.Error(d)
				}
			})
		})
	}
}

// TestHoldOff sends events without a pause: the files are read after maxQuiet nevertheless, and a single one after quiet.
func TestHoldOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &scripted{answers: []any{"1"}, start: time.Now(), hint: make(chan struct{})}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		done := make(chan error)
		go func() { done <- newSource("test", l, time.Hour, nil).Run(ctx, func(Tree) {}) }()
		for range 25 {
			l.hint <- struct{}{}
			time.Sleep(50 * time.Millisecond)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{0, time.Second, 1300 * time.Millisecond}
		if d := cmp.Diff(want, l.looks); d != "" {
			t.Error(d)
		}
	})
}
