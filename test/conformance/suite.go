package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// suite is one release of the conformance package with what it counts.
type suite struct {
	revision string
	pkg      string // its alias in package.json
	args     []string
	sessions bool // which of the two servers it asks
	scored   int  // scenarios that count
}

var suites = []suite{
	{revision: "2025-11-25", pkg: "conformance-2025", args: []string{"--spec-version", "2025-11-25"}, sessions: true, scored: 30},
	{revision: "2026-07-28", pkg: "conformance-2026", args: []string{"--requirements", "2026-07-28"}, scored: 37},
}

// result is how a suite went.
type result struct {
	suite
	output    string
	scenarios []scenario // that count
}

type scenario struct {
	name   string
	passed bool
	why    []string // what its failed checks say
}

// run runs a suite. That scenarios fail is no error.
func (s suite) run(ctx context.Context, t *tools, url string) (*result, error) {
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, t.node, append([]string{t.script(s.pkg), "server", "--url", url, "--output-dir", dir}, s.args...)...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Dir = dir
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		return nil, fmt.Errorf("run the suite of %s: %w", s.revision, cmp.Or(context.Cause(ctx), err))
	}
	r := &result{suite: s, output: out.String(), scenarios: summary(out.String())}
	for i, sc := range r.scenarios {
		if !sc.passed {
			if r.scenarios[i].why, err = failedChecks(dir, sc.name); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

var (
	scenarioLine = regexp.MustCompile(`^([✓✗]) ([a-z0-9-]+): \d+ passed, \d+ failed`)
	unscoredLine = regexp.MustCompile(`^\s+[✓✗] ([a-z0-9-]+) \(`)
	decisionID   = regexp.MustCompile(` \(decision [0-9a-f-]+\)`)
)

// summary reads the scenarios that count from what a suite prints at its end.
func summary(output string) []scenario {
	_, text, _ := strings.Cut(output, "=== SUMMARY ===")
	var all []scenario
	for line := range strings.Lines(text) {
		if m := scenarioLine.FindStringSubmatch(line); m != nil {
			all = append(all, scenario{name: m[2], passed: m[1] == "✓"})
		} else if m := unscoredLine.FindStringSubmatch(line); m != nil {
			all = slices.DeleteFunc(all, func(s scenario) bool { return s.name == m[1] })
		}
	}
	return all
}

// failedChecks reads what a suite wrote about a scenario: server-<scenario>-<time>/checks.json.
func failedChecks(dir, scenario string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "server-"+scenario+"-20*", "checks.json"))
	if err != nil || len(files) == 0 {
		return []string{"the suite left no checks"}, err
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		return nil, err
	}
	var checks []struct{ ID, Status, Description, ErrorMessage string }
	if err := json.Unmarshal(raw, &checks); err != nil {
		return nil, fmt.Errorf("read %s: %w", files[0], err)
	}
	var why []string
	for _, c := range checks {
		if c.Status == "FAILURE" {
			why = append(why, c.ID+": "+cmp.Or(c.ErrorMessage, c.Description))
		}
	}
	return why, nil
}

func (r *result) passed() (n int) {
	for _, s := range r.scenarios {
		if s.passed {
			n++
		}
	}
	return n
}

// perfect tells whether all passes, and nothing was left out.
func (r *result) perfect() bool { return r.passed() == r.scored && len(r.scenarios) == r.scored }

func (r *result) String() string {
	return fmt.Sprintf("%s: %d of %d scenarios pass", r.revision, r.passed(), r.scored)
}

// failures is a list in Markdown, empty where nothing fails.
func (r *result) failures() string {
	var b strings.Builder
	for _, s := range r.scenarios {
		if s.passed {
			continue
		}
		fmt.Fprintf(&b, "- %s `%s`\n", r.revision, s.name)
		for _, why := range s.why {
			fmt.Fprintf(&b, "  - %s\n", decisionID.ReplaceAllString(strings.Join(strings.Fields(why), " "), ""))
		}
	}
	return b.String()
}
