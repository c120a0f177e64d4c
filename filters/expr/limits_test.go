package expr

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cel.dev/cel-go/cel"
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
	x.Blocks = []filters.Block{{Data: filters.Plain(strings.Repeat("x", 1<<20))}}
	a := env.NewActivation(x)
	check(t, p, a, false)
	x.Blocks = slices.Repeat(x.Blocks, 512)
	a = env.NewActivation(x)
	for rounds := 0; a.Spent() <= MaxExchangeCost; rounds++ {
		if rounds == 6 {
			t.Fatalf("spent only %d", a.Spent())
		}
		check(t, p, a, "cost limit of 10000000 exceeded at p.yaml:10:5")
	}
	check(t, p, a, "cost limit of the exchange exceeded")
}

// largest is a body of the size that a listener admits by default, in two blocks.
func largest() *filters.Exchange {
	x := llmExchange()
	half := strings.Repeat("The third quarter closed above plan – though returns grew again. ", 20<<20/67)
	x.Blocks = []filters.Block{{Data: filters.Plain(half)}, {Data: filters.Plain(half)}}
	return x
}

// TestLargestBody: an ordinary rule is evaluated on the largest body. One that fails there denies what nobody meant to deny.
func TestLargestBody(t *testing.T) {
	env, x := newEnv(t, filters.SurfaceLLM), largest()
	for _, text := range []string{
		"llm.blocks.exists(b, b.text.contains('-----BEGIN OPENSSH PRIVATE KEY-----'))",
		"llm.blocks.exists(b, b.text.contains('sk-ant-api') || b.text.contains('sk-proj-') || b.text.contains('ghp_'))",
		"llm.blocks.exists(b, ['ignore all previous', 'system prompt', 'do anything now'].exists(w, b.text.contains(w)))",
		"llm.blocks.exists(b, b.text.startsWith('-----BEGIN OPENSSH PRIVATE KEY-----'))",
		"llm.blocks.exists(b, b.text.endsWith('-----END OPENSSH PRIVATE KEY-----'))",
		"llm.blocks.exists(b, b.text == 'a text that is written here')",
		"llm.blocks.exists(b, b.text in ['one', 'two', 'three'])",
		"llm.blocks[0].text != llm.blocks[1].text",
		"llm.blocks.exists(b, size(b.text) > 30000000)",
		"llm.blocks.exists(b, b.text.lowerAscii().contains('strictly confidential'))",
		"llm.blocks.exists(b, b.text.substring(0, 20).contains('CONFIDENTIAL'))",
		"llm.blocks.exists(b, b.text.indexOf('CONFIDENTIAL') == 0)",
		"llm.blocks.exists(b, b.text.replace('CONFIDENTIAL', '').contains('ENTIALCONFID'))",
		"llm.blocks.map(b, b.text).join('').contains('STRICTLY CONFIDENTIAL')",
		"llm.blocks.exists(b, b.text.matches(r'AKIA[0-9A-Z]{16}|ghp_[0-9A-Za-z]{36}|xox[abp]-[0-9A-Za-z-]{10,}'))",
	} {
		p, bad := env.Compile(at(text))
		if bad != nil {
			t.Fatal(bad)
		}
		a, begin := env.NewActivation(x), time.Now()
		check(t, p, a, false)
		t.Logf("%8d units, %v: %s", a.Spent(), time.Since(begin).Round(time.Millisecond), text)
	}
}

// TestLargestRegexp: the price alone, since a second is too long for a test; BenchmarkRegexp in match_test.go measures.
func TestLargestRegexp(t *testing.T) {
	for _, text := range []string{
		`(?i)password\s*[:=]`, `(?i)strictly\s+confidential`, `[a-z0-9.]+@[a-z0-9.]+\.com`, `\b(?:\d[ -]*?){13,16}\b`, `\d{3}-\d{2}-\d{4}`,
		`(?i)AKIA[0-9A-Z]{16}|ghp_[0-9A-Za-z]{36}|xox[abp]-[0-9A-Za-z-]{10,}`,
	} {
		p, err := newPattern(text)
		if err != nil {
			t.Fatal(err)
		}
		if price := matchPrice(40<<20, p.size); price > MaxCost {
			t.Errorf("%s: %d instructions, %d on 40 MiB", text, p.size, price)
		}
	}
}

// TestHostileBody: what would take minutes, or more memory than there is, fails before it is done.
func TestHostileBody(t *testing.T) {
	env, x := newEnv(t, filters.SurfaceLLM), llmExchange()
	half := strings.Repeat("a", 20<<20)
	x.Blocks, x.LLM.Model = []filters.Block{{Data: filters.Plain(half)}, {Data: filters.Plain(half[1:] + "b")}}, half
	for _, text := range []string{
		"llm.blocks[0].text.contains(llm.blocks[1].text.substring(1000000))",
		"llm.blocks[0].text.indexOf(llm.blocks[1].text.substring(10000000)) == 0",
		"llm.blocks[0].text.lastIndexOf(llm.blocks[1].text.substring(10000000)) == 0",
		"llm.blocks[0].text.replace('a', llm.model) == ''",
		"llm.blocks[0].text.replace('a', 'a string of some length that is written instead') == ''",
		"llm.blocks[0].text.split('').size() > 0",
		"llm.blocks[0].text.matches(r'(x{1,30}y?){30}$')",
		"llm.blocks[0].text.matches(llm.blocks[1].text)",
		"[1, 2, 3, 4, 5, 6, 7, 8, 9].map(i, llm.blocks[0].text + llm.blocks[1].text).size() == 0",
	} {
		p, bad := env.Compile(at(text))
		if bad != nil {
			t.Error(bad)
			continue
		}
		a, begin := env.NewActivation(x), time.Now()
		check(t, p, a, "cost limit of 10000000 exceeded at p.yaml:10:5")
		t.Logf("%8d units, %v: %s", a.Spent(), time.Since(begin).Round(time.Millisecond), text)
	}
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

// TestPrices freezes what each function that looks at text costs on 100,000 bytes of it, beyond 13 at most for the steps around it.
func TestPrices(t *testing.T) {
	env := newEnv(t, filters.SurfaceLLM)
	x := llmExchange()
	x.LLM.Model = strings.Repeat("a", 100_000)
	x.LLM.Provider = strings.Repeat("a,", 50_000)
	var lines []string
	for _, text := range []string{
		"llm.model.contains('zzzzzzzzzz')", "llm.model.contains(llm.model)", "llm.model.matches('z[ab]')", "llm.model.matches('zzzz')",
		"llm.model.matches('^a')", "matches(llm.model, 'z[ab]')", "'a'.matches(llm.dialect)",
		"llm.model.lowerAscii() == ''", "llm.model.upperAscii() == ''",
		"llm.model.replace('a', 'b') == ''", "llm.model.replace('a', 'bb') == ''", "llm.model.replace('a', 'b', 1) == ''",
		"llm.provider.split(',') == []", "llm.provider.split(',', 2) == []", "llm.model.substring(1) == ''", "llm.model.substring(1, 2) == ''",
		"llm.model.trim() == ''", "llm.model.indexOf('z') == 1", "llm.model.indexOf('z', 5) == 1", "llm.model.lastIndexOf('z') == 1",
		"llm.model.reverse() == ''", "llm.model.charAt(5) == ''", "llm.model + llm.model == ''",
		"llm.model.startsWith(llm.model)", "llm.model.endsWith(llm.model)", "llm.model.startsWith('a')",
		"llm.provider.split(',').join('') == ''", "strings.quote(llm.model) == ''", "bytes(llm.model) == b''", "string(bytes(llm.model)) == ''",
		"size(llm.model) == 1", "llm.model.size() == 1", "llm.model == llm.provider", "llm.model != llm.model", "llm.model < llm.provider",
		"llm.model in ['a', 'b']", "llm.model in [llm.model, llm.provider]", "llm.model in request.headers", "double(llm.model + 'x') > 1.0 || true",
	} {
		p, bad := env.Compile(at(text))
		if bad != nil {
			t.Errorf("%s: %v", text, bad)
			continue
		}
		a := env.NewActivation(x)
		if _, err := p.Eval(a); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		lines = append(lines, fmt.Sprintf("%7d %s", a.Spent(), text))
	}
	golden(t, "testdata/prices.txt", strings.Join(lines, "\n")+"\n")
}

// TestEveryFunctionIsPriced: NewEnv refuses a function without a price; here none is priced that there is not.
func TestEveryFunctionIsPriced(t *testing.T) {
	env := newEnv(t, filters.SurfaceLLM)
	for name := range prices() {
		if env.cel.Functions()[name] == nil {
			t.Errorf("no function %s", name)
		}
	}
	extended, err := env.base.Extend(cel.Function("shout", cel.Overload("shout_string", []*cel.Type{cel.StringType}, cel.StringType)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newCalls(extended); err == nil || err.Error() != "function shout has no price" {
		t.Errorf("a function without a price: %v", err)
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
