package chart

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestFlagsExist: what the chart asks of Bartizan's roles and of the prober, these programs know.
func TestFlagsExist(t *testing.T) {
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", dir+"/", ".", "./test/kubernetes/probe")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	programs := map[string]string{"bootstrap": "bartizan", "extproc": "bartizan", "xds": "bartizan", "upstream": "probe", "check": "probe"}
	for container, flags := range flagsOf(t) {
		program, ok := programs[container]
		if !ok {
			continue
		}
		help, err := exec.CommandContext(t.Context(), filepath.Join(dir, program), container, "--help").CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s --help: %v\n%s", program, container, err, help)
		}
		for _, f := range flags {
			if !regexp.MustCompile(regexp.QuoteMeta(f) + `\b[^-]`).Match(help) {
				t.Errorf("%s %s does not know %s", program, container, f)
			}
		}
	}
}

// flagsOf returns the flags of each container in any of the values files.
func flagsOf(t *testing.T) map[string][]string {
	flags := map[string][]string{}
	for _, values := range valuesFiles(t) {
		for _, p := range pods(t, values) {
			for _, c := range p.containers() {
				for _, arg := range c.Args {
					if name, _, _ := strings.Cut(arg, "="); strings.HasPrefix(name, "--") && !slices.Contains(flags[c.Name], name) {
						flags[c.Name] = append(flags[c.Name], name)
					}
				}
			}
		}
	}
	return flags
}
