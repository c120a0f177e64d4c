package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bartizan/filters"
	"bartizan/filters/manifest"
)

// load is what a control server does with a file: everything that is wrong with it, or its set.
func load(file string, data []byte) ([]*Policy, *Set, manifest.Errors) {
	docs, errs := manifest.Parse(file, data)
	var policies []*Policy
	for _, doc := range docs {
		p, bad := Decode(doc)
		errs = append(errs, bad...)
		if p != nil {
			policies = append(policies, p)
		}
	}
	set, bad := Compile(policies)
	errs = append(errs, bad...)
	errs.Sort()
	return policies, set, errs
}

func mustLoad(t testing.TB, data string) *Set {
	t.Helper()
	_, set, errs := load("p.yaml", []byte(data))
	if errs != nil {
		t.Fatal(errs)
	}
	return set
}

// TestBad holds the exact errors of every *.bad.yaml. UPDATE_GOLDEN=1 rewrites them.
func TestBad(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.bad.yaml")
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			_, set, errs := load(filepath.Base(path), read(t, path))
			if len(errs) == 0 {
				t.Error("no error")
			}
			if set != nil && strings.HasPrefix(filepath.Base(path), "cel.") {
				t.Error("a set in spite of errors")
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".errors", errs.Error()+"\n")
		})
	}
	if goldens, _ := filepath.Glob("testdata/*.errors"); len(goldens) != len(files) || len(files) == 0 {
		t.Errorf("%d files and %d goldens", len(files), len(goldens))
	}
}

func TestGood(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.good.yaml")
	if len(files) == 0 {
		t.Fatal("no files")
	}
	for _, path := range files {
		if _, _, errs := load(filepath.Base(path), read(t, path)); errs != nil {
			t.Errorf("%s:\n%v", path, errs)
		}
	}
}

// TestReadme: the policies of the README, and the rules that it shows alone, compile on one of the surfaces.
func TestReadme(t *testing.T) {
	found := 0
	for _, block := range strings.Split(string(read(t, "../../README.md")), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		const head = "apiVersion: bartizan/v1\nkind: Policy\nmetadata: { name: p }\nspec:\n  surface: "
		switch {
		case strings.Contains(text, "kind: Policy\n"):
			mustLoad(t, text)
		case strings.HasPrefix(text, "    - name: ") && strings.Contains(text, "expression:"):
			_, _, llm := load("README.md", []byte(head+"llm\n  rules:\n"+text))
			_, _, mcp := load("README.md", []byte(head+"mcp\n  rules:\n"+text))
			if llm != nil && mcp != nil {
				t.Errorf("%s%v\n%v", text, llm, mcp)
			}
		default:
			continue
		}
		found++
	}
	if found < 4 {
		t.Errorf("%d policies and rules only", found)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, path)), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestDecode(t *testing.T) {
	policies, _, errs := load("f", read(t, "testdata/finance.good.yaml"))
	if errs != nil {
		t.Fatal(errs)
	}
	pos := func(line, column int) manifest.Position {
		return manifest.Position{File: "f", Line: line, Column: column}
	}
	want := &Policy{
		Name: "no-secrets", At: pos(20, 19), Surface: filters.SurfaceLLM, FailurePolicy: Fail, Mode: Enforce,
		Variables: []Variable{{Name: "said", Expression: manifest.String{
			Value: "llm.blocks.filter(b, b.origin == 'user' || b.origin == 'tool_result')", Position: pos(25, 19),
		}}},
		Rules: []Rule{
			{
				Name: "aws-key", On: []string{"messages", "chat.completions"}, Action: filters.ActionDeny, Severity: filters.SeverityMedium,
				Reason: "This message holds an AWS access key.",
				Expression: manifest.String{
					Value: "variables.said.exists(b,\n  b.text.matches(r'AKIA[0-9A-Z]{16}'))\n", Position: pos(30, 9), Indent: 8,
				},
			},
			{
				Name: "everything-is-noted", Action: filters.ActionFlag, Severity: filters.SeverityInformational,
				Expression: manifest.String{Value: "true", Position: pos(35, 19)},
			},
		},
	}
	if diff := cmp.Diff(want, policies[1]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestFromBundle: a policy that came without marks and places of its own compiles, and what this version does not know is refused.
func TestFromBundle(t *testing.T) {
	whole := func() *Policy {
		return &Policy{
			Name: "p", At: manifest.Position{File: "f"}, Surface: filters.SurfaceLLM, FailurePolicy: Fail, Mode: Enforce,
			Rules: []Rule{{Name: "r", Expression: manifest.String{Value: "true"}, Severity: filters.SeverityLow}},
		}
	}
	for name, change := range map[string]func(*Policy){
		"":                          func(*Policy) {},
		`failurePolicy "Sometimes"`: func(p *Policy) { p.FailurePolicy = "Sometimes" },
		`mode ""`:                   func(p *Policy) { p.Mode = "" },
		`severity "awful"`:          func(p *Policy) { p.Rules[0].Severity = "awful" },
		`action of rule "r"`:        func(p *Policy) { p.Rules[0].Action = 9 },
		`surface "egress"`:          func(p *Policy) { p.Surface = "egress" },
	} {
		p := whole()
		change(p)
		_, errs := Compile([]*Policy{p})
		if (len(errs) > 0) != (name != "") || !strings.Contains(errs.Error(), name) {
			t.Errorf("%s: %v", name, errs)
		}
	}
	if _, errs := Compile([]*Policy{whole(), whole()}); len(errs) != 1 {
		t.Errorf("two policies of one name: %v", errs)
	}
}
