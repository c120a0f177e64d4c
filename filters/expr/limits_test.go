package expr

import (
	"slices"
	"strings"
	"testing"

	"cel.dev/cel-go/common/cost"

	"bartizan/filters"
)

func TestCostLimits(t *testing.T) {
	env := newEnv(t, filters.SurfaceLLM)
	p, bad := env.Compile(at("llm.blocks.exists(b, b.text.matches('^[^a-z][^a-z][^a-z][^a-z][^a-z][^a-z][^a-z][^a-z]$'))"))
	if bad != nil {
		t.Fatal(bad)
	}
	x := llmExchange()
	x.Blocks = []filters.Block{{Data: []byte(strings.Repeat("x", 1<<20))}}
	a := env.NewActivation(x)
	check(t, p, a, false)
	x.Blocks = slices.Repeat(x.Blocks, 16)
	a = env.NewActivation(x)
	check(t, p, a, "cost limit of 10000000 exceeded at p.yaml:10:5")
	for a.Spent() <= MaxExchangeCost {
		check(t, p, a, "cost limit of 10000000 exceeded")
	}
	check(t, p, a, "cost limit of the exchange exceeded")
}

// TestEstimates: what people write compiles, what multiplies does not.
func TestEstimates(t *testing.T) {
	for text, ok := range map[string]bool{
		"llm.blocks.exists(b, b.text.matches(r'(?i)AKIA[0-9A-Z]{16}|ghp_[0-9A-Za-z]{36}|xox[abp]-[0-9A-Za-z-]{10,}'))":    true,
		"llm.blocks.exists(b, ['ignore all previous', 'system prompt', 'do anything now'].exists(w, b.text.contains(w)))": true,
		"llm.blocks.filter(b, b.origin == 'tool_result').all(b, size(b.text) < 1000)":                                     true,
		"llm.blocks.exists(b, b.text.lowerAscii().contains('password'))":                                                  true,
		"llm.blocks.exists(b, llm.tools.exists(t, t.name == b.name))":                                                     true,
		"llm.model.split('-').exists(part, part in identity.groups)":                                                      true,
		"llm.blocks.exists(b, llm.blocks.exists(c, b.text == c.text))":                                                    false,
		"llm.blocks.exists(a, llm.blocks.exists(b, llm.blocks.exists(c, a.role == b.role && b.role == c.role)))":          false,
		"mcp.arguments.path.startsWith('/tmp/') && !mcp.arguments.path.contains('..')":                                    true,
		"mcp.arguments.items.exists(i, i.path.contains('..') || i.path in ['a', 'b'])":                                    true,
		"mcp.arguments.rows[0].name == mcp.arguments.rows[1].name":                                                        true,
		"mcp.arguments.all(k, k in ['a', 'b']) && size(mcp.arguments) < 3":                                                true,
		"string(mcp.arguments.amount).matches('^[0-9]+$')":                                                                true,
	} {
		surface := filters.SurfaceLLM
		if strings.Contains(text, "mcp.") {
			surface = filters.SurfaceMCP
		}
		if _, bad := newEnv(t, surface).Compile(at(text)); (bad == nil) != ok {
			t.Errorf("%s\n%v, want ok %v", text, bad, ok)
		}
	}
}

// TestPrices: every function that looks at a whole string has a price that grows with it. One without is counted as a single step.
func TestPrices(t *testing.T) {
	long := strings.Repeat("a", 100_000)
	env := newEnv(t, filters.SurfaceLLM)
	x := llmExchange()
	x.LLM.Model = long
	x.LLM.Provider = strings.Repeat("a,", 50_000)
	for _, text := range []string{
		"llm.model.contains('zzzzzzzzzz')", "llm.model.matches('zzzz')", "llm.model.lowerAscii() == ''", "llm.model.upperAscii() == ''",
		"llm.model.replace('a', 'b') == ''", "llm.provider.split(',') == []", "llm.model.substring(1) == ''", "llm.model.trim() == ''",
		"llm.model.indexOf('z') == 1", "llm.model.lastIndexOf('z') == 1", "llm.model.reverse() == ''", "llm.model.charAt(5) == ''",
		"llm.model + llm.model == ''", "llm.model.startsWith(llm.model)", "llm.model.endsWith(llm.model)",
		"llm.provider.split(',').join('') == ''", "strings.quote(llm.model) == ''", "bytes(llm.model) == b''",
	} {
		p, bad := env.Compile(at(text))
		if bad != nil {
			t.Errorf("%s: %v", text, bad)
			continue
		}
		a := env.NewActivation(x)
		if _, err := p.Eval(a); err != nil || a.Spent() < 10_000 {
			t.Errorf("%s: spent %d on 100,000 characters, %v", text, a.Spent(), err)
		}
	}
}

// TestSizesOfEveryField: no field of the schema leaves the estimator without an idea of its size, or a rule that reads it would
// be refused as unbounded.
func TestSizesOfEveryField(t *testing.T) {
	env := newEnv(t, filters.SurfaceLLM)
	for _, o := range env.schema.types() {
		for _, f := range o.fields {
			if f.size == 0 && sizeOf(f.typ) != 0 {
				t.Errorf("%s.%s has no size", o.celType.TypeName(), f.name)
			}
		}
	}
	var _ cost.Estimator = sizes{}
}
