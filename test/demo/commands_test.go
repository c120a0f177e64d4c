package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"bartizan/test/env"
)

// result is what a command left.
type result struct {
	code           int
	stdout, stderr string
}

// bartizan runs a command in dir to its end, without the settings of the developer's shell.
func bartizan(t *testing.T, dir string, args ...string) result {
	t.Helper()
	binary, err := env.Binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("bartizan %v: %v", args, err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replaceIn edits a file, which must hold old once.
func replaceIn(t *testing.T, path, old, edited string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil || strings.Count(string(raw), old) != 1 {
		t.Fatalf("%s does not hold %q once: %v", path, old, err)
	}
	write(t, path, strings.Replace(string(raw), old, edited, 1))
}

// TestMistakes: what a newcomer does wrong is answered with one line that says what to do, and an exit code of its kind.
func TestMistakes(t *testing.T) {
	dir := t.TempDir()
	if r := bartizan(t, dir, "init"); r.code != 0 {
		t.Fatalf("init: %+v", r)
	}
	write(t, filepath.Join(dir, "nopolicy", "README.md"), "hello")
	if _, err := env.NewRepo(filepath.Join(dir, "committed"), map[string]string{"a.yaml": "kind: Nonsense\n"}); err != nil {
		t.Fatal(err)
	}
	bare(t, filepath.Join(dir, "nocommit"))
	for _, c := range []struct {
		args string
		code int
		want string // in the one line of stderr
	}{
		{"", 2, "bartizan --help"},
		{"frobnicate", 2, "unexpected argument frobnicate"},
		{"up --nope", 2, "unknown flag --nope"},
		{"key new", 2, "--user"},
		{"--log-level=loud status", 2, "--log-level"},
		{"status", 1, "no control server listens on"},
		{"tail", 1, "no gateway has run with state folder"},
		{"verify", 1, "no gateway has run with state folder"},
		{"init", 1, "is not empty: nothing was written"},
		{"check --policies nowhere", 1, "make one with `bartizan init nowhere`"},
		{"up --policies nowhere", 1, "make one with `bartizan init nowhere`"},
		{"up --policies nopolicy", 1, "no *.yaml or *.yml file in it"},
		{"up --policies nocommit", 1, "the repository has no commit yet"},
		{"check --policies= ", 1, "no policy repository is named"},
		{"check --branch nope", 1, "refs/heads/nope"},
		{"check --path nope", 1, "nope"},
		{"up --nats-listen 0.0.0.0:0 --metrics= ", 1, "is not a loopback address"},
	} {
		r := bartizan(t, dir, strings.Fields(c.args)...)
		if r.code != c.code || !strings.Contains(r.stderr, c.want) || strings.Count(r.stderr, "\n") != 1 || r.stdout != "" {
			t.Errorf("bartizan %s: %+v, want code %d and one line with %q", c.args, r, c.code, c.want)
		}
	}
	if r := bartizan(t, dir, "up", "--policies", "committed", "--state", "untouched"); r.code != 3 || !strings.HasPrefix(r.stderr, "a.yaml:1:1: ") {
		t.Errorf("up with a broken repository: %+v", r)
	}
	if _, err := os.Stat(filepath.Join(dir, "untouched")); err == nil {
		t.Error("something was started")
	}
}

// bare makes a Git repository without a commit, as `git init --bare` does.
func bare(t *testing.T, dir string) {
	t.Helper()
	write(t, filepath.Join(dir, "HEAD"), "ref: refs/heads/main\n")
	write(t, filepath.Join(dir, "config"), "[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
	for _, folder := range []string{"objects", "refs"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCheckBeforeCommit: check reads what is about to be committed, the gateway what was.
func TestCheckBeforeCommit(t *testing.T) {
	dir := t.TempDir()
	if r := bartizan(t, dir, "init"); r.code != 0 {
		t.Fatalf("init: %+v", r)
	}
	if r := bartizan(t, dir, "check"); r.code != 0 || !strings.Contains(r.stdout, "the files as they are: sound; 1 listener, 2 providers, 0 MCP servers, 3 policies, 1 model access, 2 secrets") {
		t.Errorf("check: %+v", r)
	}
	replaceIn(t, filepath.Join(dir, "policies", "policies", "tools.yaml"), "readOnlyHint", "readOnlyHnit")
	replaceIn(t, filepath.Join(dir, "policies", "policies", "content.yaml"), "hidden/unicode_tags", "hidden/unicode_tag")
	replaceIn(t, filepath.Join(dir, "policies", "gateway.yaml"), "port: 8080", "prot: 8080")
	r := bartizan(t, dir, "check")
	for _, want := range []string{
		"gateway.yaml:10:7: unknown field", "policies/tools.yaml:11:42: undefined field", "mistakes: 3",
		`policies/content.yaml:12:112: findings has no such word: "hidden/unicode_tag" (did you mean "hidden/unicode_tags"?)`,
	} {
		if r.code != 3 || !strings.Contains(r.stderr, want) {
			t.Errorf("check of broken files: %+v, want code 3 and %q", r, want)
		}
	}
	if r := bartizan(t, dir, "check", "-o", "json"); r.code != 3 || !strings.Contains(r.stdout, `{"file":"gateway.yaml","line":10,"column":7,"text":"prot","message":"unknown field","hint":"did you mean \"port\"?"}`) {
		t.Errorf("check -o json: %+v", r)
	}
	if r := bartizan(t, dir, "check", "--committed"); r.code != 0 || !strings.Contains(r.stdout, "commit ") {
		t.Errorf("check --committed: %+v", r)
	}
}

// TestKeyNew: the YAML goes to standard output without the key, also when that is redirected.
func TestKeyNew(t *testing.T) {
	r := bartizan(t, t.TempDir(), "key", "new", "--user", "ana@example.com", "--group", "finance", "--group", "emea")
	key := regexp.MustCompile(`bz-[a-z2-7]{52}`).FindString(r.stderr)
	if r.code != 0 || key == "" || strings.Contains(r.stdout, "bz-") || !strings.Contains(r.stdout, `groups: ["finance", "emea"]`) {
		t.Errorf("%+v", r)
	}
}
