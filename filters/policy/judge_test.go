package policy

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bartizan/filters"
)

func exchange() *filters.Exchange {
	return &filters.Exchange{
		Route:    filters.Route{Surface: filters.SurfaceLLM, Operation: "messages"},
		Identity: filters.Identity{Method: "virtual_key", User: "ann", Groups: []string{"finance"}},
		Request:  filters.Request{Headers: map[string]string{}},
		LLM:      &filters.LLM{Model: "claude-opus-4", Stream: true, Tools: []filters.Tool{{Name: "bash"}}},
		Blocks: []filters.Block{
			{Role: "user", Origin: filters.OriginUser, Data: filters.Plain("hello")},
			{Role: "assistant", Origin: filters.OriginAssistant, Data: filters.Plain("hello, what shall I do?")},
		},
	}
}

// document writes a policy: spec is lines of its spec, rules are "name action expression".
func document(name, spec string, rules ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "---\napiVersion: bartizan/v1\nkind: Policy\nmetadata: { name: %s }\nspec:\n  surface: llm\n%s  rules:\n", name, spec)
	for _, r := range rules {
		parts := strings.SplitN(r, " ", 3)
		fmt.Fprintf(&b, "    - name: %s\n      action: %s\n      reason: because\n      expression: %s\n", parts[0], parts[1], parts[2])
	}
	return b.String()
}

// TestMessage: how a refusal is told comes from its rule, and a rule that failed is none.
func TestMessage(t *testing.T) {
	set := mustLoad(t, strings.Replace(document("p", "", "a deny llm.stream"), "reason: because", "reason: because\n      as: message", 1))
	d, _ := set.Judge(exchange())
	if r := d.Deciding.Refusal(); !r.AsMessage || r.Rule != "a" {
		t.Errorf("%+v", r)
	}
	set = mustLoad(t, document("p", "", "a deny llm.stream"))
	if d, _ = set.Judge(exchange()); d.Deciding.Refusal().AsMessage {
		t.Error("an error is told as a message")
	}
}

func TestJudge(t *testing.T) {
	const absent = "request.headers['absent'] == ''"
	for name, c := range map[string]struct {
		policies string
		action   filters.Action
		deciding string // policy/rule, or empty
		verdicts []string
	}{
		"nothing matches": {document("p", "", "a deny false"), filters.ActionAllow, "", nil},
		"the highest action wins": {
			document("p", "", "a allow true", "b flag true", "c deny false") + document("q", "", "d deny true", "e flag true"),
			filters.ActionDeny, "q/d",
			[]string{"p/a matched allow", "p/b matched flag", "q/d matched deny", "q/e matched flag"},
		},
		"the first among equals decides": {
			document("p", "", "a deny true") + document("q", "", "b deny true"),
			filters.ActionDeny, "p/a",
			[]string{"p/a matched deny", "q/b matched deny"},
		},
		"allow may decide": {document("p", "", "a allow true"), filters.ActionAllow, "p/a", []string{"p/a matched allow"}},
		"a failure denies": {
			document("p", "", "a flag "+absent, "b flag true"), filters.ActionDeny, "p/a", []string{"p/a failed deny", "p/b matched flag"},
		},
		"a failure is ignored": {
			document("p", "  failurePolicy: Ignore\n", "a deny "+absent), filters.ActionAllow, "", []string{"p/a failed allow"},
		},
		"observed": {
			document("p", "  mode: Observe\n", "a deny true", "b flag "+absent) + document("q", "", "c flag true"),
			filters.ActionFlag, "q/c",
			[]string{"p/a matched deny observed", "p/b failed deny observed", "q/c matched flag"},
		},
		"conditions hold": {
			document("p", "  matchConditions: [\"identity.user == 'ann'\", llm.stream]\n", "a deny true"),
			filters.ActionDeny, "p/a",
			[]string{"p/a matched deny"},
		},
		"a condition does not hold": {
			document("p", "  matchConditions: [llm.stream, \"identity.user == 'bob'\"]\n", "a deny true"), filters.ActionAllow, "", nil,
		},
		"a false condition outweighs a failed one": {
			document("p", "  matchConditions: [\""+absent+"\", \"false\"]\n", "a deny true"), filters.ActionAllow, "", nil,
		},
		"a condition fails": {
			document("p", "  matchConditions: [\""+absent+"\"]\n", "a flag true"),
			filters.ActionDeny, "p/matchConditions",
			[]string{"p/matchConditions failed deny"},
		},
		"other operation": {
			document("p", "  matchConditions: [\""+absent+"\"]\n", "a deny true\n      on: [chat.completions]"), filters.ActionAllow, "", nil,
		},
		"this operation": {
			document("p", "", "a deny true\n      on: [chat.completions, messages]", "b deny true\n      on: [chat.completions]"),
			filters.ActionDeny, "p/a",
			[]string{"p/a matched deny"},
		},
		"variables": {
			document("p", "  variables:\n    - { name: v, expression: 'llm.blocks.map(b, b.size)' }\n    - { name: w, expression: 'variables.v.exists(s, s > 20)' }\n",
				"a flag variables.w && size(variables.v) == 2"),
			filters.ActionFlag, "p/a",
			[]string{"p/a matched flag"},
		},
		"a variable fails only who reads it": {
			document("p", "  variables: [{ name: v, expression: \""+absent+"\" }]\n", "a flag true", "b flag variables.v"),
			filters.ActionDeny, "p/b",
			[]string{"p/a matched flag", "p/b failed deny"},
		},
		"variables of the same name in two policies": {
			document("p", "  variables: [{ name: v, expression: 'true' }]\n", "a flag variables.v") +
				document("q", "  variables: [{ name: v, expression: \"'x'\" }]\n", "b flag variables.v == 'x'"),
			filters.ActionFlag, "p/a",
			[]string{"p/a matched flag", "q/b matched flag"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := mustLoad(t, c.policies).Judge(exchange())
			deciding := ""
			if d.Deciding != nil {
				deciding = d.Deciding.Policy + "/" + d.Deciding.Rule
			}
			if d.Action != c.action || deciding != c.deciding {
				t.Errorf("%v by %q, want %v by %q", d.Action, deciding, c.action, c.deciding)
			}
			if diff := cmp.Diff(c.verdicts, outline(d)); diff != "" {
				t.Errorf("verdicts (-want +got):\n%s", diff)
			}
		})
	}
}

func outline(d filters.Decision) []string {
	var out []string
	for _, v := range d.Verdicts {
		line := fmt.Sprintf("%s/%s %s %v", v.Policy, v.Rule, v.Outcome, v.Action)
		if v.Observed {
			line += " observed"
		}
		out = append(out, line)
	}
	return out
}

func TestVerdictSaysWhy(t *testing.T) {
	d, _ := mustLoad(t, document("p", "", "a flag request.headers['absent'] == ''", "b flag true")).Judge(exchange())
	want := []filters.Verdict{
		{
			Policy: "p", Rule: "a", Outcome: filters.Failed, Action: filters.ActionDeny, Severity: filters.SeverityMedium,
			Reason: unjudged, Error: "no such key at p.yaml:11:34",
		},
		{Policy: "p", Rule: "b", Outcome: filters.Matched, Action: filters.ActionFlag, Severity: filters.SeverityMedium, Reason: "because"},
	}
	if diff := cmp.Diff(want, d.Verdicts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestJudgeWithout(t *testing.T) {
	set := mustLoad(t, document("p", "", "a flag llm.stream"))
	if d, _ := set.Judge(&filters.Exchange{Route: filters.Route{Surface: filters.SurfaceMCP}}); d.Action != filters.ActionAllow || d.Verdicts != nil {
		t.Errorf("no policy of the surface: %v", d)
	}
	if d, _ := set.Judge(&filters.Exchange{Route: filters.Route{Surface: filters.SurfaceLLM}}); d.Action != filters.ActionDeny {
		t.Errorf("a body that was not decoded: %v", d)
	}
	if d, _ := (&Set{}).Judge(exchange()); d.Action != filters.ActionAllow {
		t.Errorf("no policies: %v", d)
	}
}

// TestJudgeChangesNothing also shows under -race that one set serves many streams.
func TestJudgeChangesNothing(t *testing.T) {
	set := mustLoad(t, string(read(t, "testdata/finance.good.yaml")))
	want, _ := set.Judge(exchange())
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			x := exchange()
			for range 50 {
				if got, _ := set.Judge(x); !reflect.DeepEqual(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
			}
			if diff := cmp.Diff(exchange(), x); diff != "" {
				t.Errorf("the exchange changed:\n%s", diff)
			}
		})
	}
	wait.Wait()
}

// twentyRules are what a company may well have: lists of models and groups, tools, declarations, and a look at the text.
func twentyRules() string {
	var rules []string
	for i := range 5 {
		rules = append(rules,
			fmt.Sprintf("model-%d deny llm.model.startsWith('gpt-%d') && !('research' in identity.groups)", i, i),
			fmt.Sprintf("tokens-%d flag llm.max_tokens > %d && llm.stream", i, 100_000+i),
			fmt.Sprintf("tools-%d deny llm.tools.exists(t, t.name == 'forbidden-%d')", i, i),
			fmt.Sprintf("group-%d flag identity.user == 'user-%d' || identity.groups.exists(g, g in ['x', 'y', 'z-%d'])", i, i, i))
	}
	return document("twenty", "", rules...)
}

func BenchmarkTwentyRules(b *testing.B) {
	set, x := mustLoad(b, twentyRules()), exchange()
	b.ReportAllocs()
	for b.Loop() {
		if d, _ := set.Judge(x); d.Action != filters.ActionAllow {
			b.Fatal("matched")
		}
	}
}

// TestAllocations is the budget of twenty rules: two allocations a rule, CEL's details of an evaluation and what it reads. (Under
// -race sync.Pool forgets at random: about 20 more.)
func TestAllocations(t *testing.T) {
	set, x := mustLoad(t, twentyRules()), exchange()
	if got := testing.AllocsPerRun(100, func() { set.Judge(x) }); got > 70 {
		t.Errorf("%v allocations", got)
	}
}

// BenchmarkText searches a megabyte of history in 512 blocks.
func BenchmarkText(b *testing.B) {
	for name, expression := range map[string]string{
		"contains": "llm.blocks.exists(b, b.text.contains('BEGIN PRIVATE KEY'))",
		"matches":  "llm.blocks.exists(b, b.text.matches(r'AKIA[0-9A-Z]{16}'))",
	} {
		b.Run(name, func(b *testing.B) {
			set, x := mustLoad(b, document("p", "", "a deny "+expression)), exchange()
			x.Blocks = nil
			for range 512 {
				x.Blocks = append(x.Blocks, filters.Block{Data: filters.Plain(strings.Repeat("lorem ipsum dolor ", 114))})
			}
			b.SetBytes(512 * 18 * 114)
			b.ReportAllocs()
			for b.Loop() {
				if d, _ := set.Judge(x); d.Action != filters.ActionAllow {
					b.Fatal("matched")
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	policies, _, _ := load("p", []byte(twentyRules()))
	for b.Loop() {
		if _, errs := Compile(policies); errs != nil {
			b.Fatal(errs)
		}
	}
}

// TestNothingOutlives: texts of blocks are read without a copy, so nothing that lives on may hold one. The decision and the set do,
// and the body is collected.
func TestNothingOutlives(t *testing.T) {
	set := mustLoad(t, document("p", "  failurePolicy: Ignore\n  variables: [{ name: v, expression: 'llm.blocks.map(b, b.text)' }]\n",
		"a flag variables.v.exists(s, s.contains('the end'))",
		"b deny llm.blocks.exists(b, int(b.text) > 1)",
		"c deny request.headers[llm.blocks[0].text] == ''",
		"d deny timestamp(variables.v[0]) > request.time || variables.v[0].matches(variables.v[0])"))
	gone := make(chan struct{})
	d := func() filters.Decision {
		data := []byte(strings.Repeat("(", 1<<16) + "the end")
		runtime.AddCleanup(&data[0], func(c chan struct{}) { close(c) }, gone)
		x := exchange()
		x.Blocks = []filters.Block{{Data: filters.Plain(data)}}
		d, _ := set.Judge(x)
		return d
	}()
	for range 10 {
		runtime.GC() // more than once: CEL keeps its frames in pools
		select {
		case <-gone:
			if want := []string{"p/a matched flag", "p/b failed allow", "p/c failed allow", "p/d failed allow"}; !slices.Equal(outline(d), want) {
				t.Errorf("got %q, want %q", outline(d), want)
			}
			runtime.KeepAlive(set)
			return
		case <-time.After(100 * time.Millisecond): // cleanups run on a goroutine of their own
		}
	}
	t.Errorf("the body is still held; the decision is %v", d)
}
