package chart

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestMetricsExist: alerts and dashboard ask for metrics that the product registers.
func TestMetricsExist(t *testing.T) {
	registered := registeredMetrics(t)
	for _, file := range []string{"alerts.yaml", "dashboard.json"} {
		for _, name := range metricName.FindAllString(read(t, Dir, "monitoring", file), -1) {
			if name = strings.TrimSuffix(name, "_bucket"); !slices.Contains(registered, name) {
				t.Errorf("%s asks for %s, which is not registered", file, name)
			}
		}
	}
}

var metricName = regexp.MustCompile(`\bbartizan_[a-z]+_[a-z_]+\b`)

// registeredMetrics are the names of metrics in the product's source.
func registeredMetrics(t *testing.T) []string {
	t.Helper()
	names := inSource(t, `"(bartizan_[a-z]+_[a-z_]+)"`)
	if len(names) < 15 {
		t.Fatalf("found %v only: the search is broken", names)
	}
	return names
}

// inSource finds what the group of a pattern matches in the product's source, sorted, each once.
func inSource(t *testing.T, pattern string) (found []string) {
	t.Helper()
	expression := regexp.MustCompile(pattern)
	for _, root := range []string{"../../extproc", "../../xds", "../../filters"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			raw, err := os.ReadFile(path)
			for _, m := range expression.FindAllStringSubmatch(string(raw), -1) {
				found = append(found, m[1])
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func TestMonitoringParses(t *testing.T) {
	var rule struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, Dir, "monitoring", "alerts.yaml")), &rule); err != nil {
		t.Fatal(err)
	}
	for _, g := range rule.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || r.Expr == "" || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("alert %q lacks something: %+v", r.Alert, r)
			}
		}
	}
	var dashboard struct{ Panels []json.RawMessage }
	if err := json.Unmarshal([]byte(read(t, Dir, "monitoring", "dashboard.json")), &dashboard); err != nil || len(dashboard.Panels) < 10 {
		t.Errorf("dashboard: %d panels, %v", len(dashboard.Panels), err)
	}
}
