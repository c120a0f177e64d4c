package expr

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bartizan/filters"
	"bartizan/filters/manifest"
)

func newEnv(t testing.TB, surface filters.Surface) *Env {
	t.Helper()
	e, err := NewEnv(surface)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func at(text string) manifest.String {
	return manifest.String{Value: text, Position: manifest.Position{File: "p.yaml", Line: 10, Column: 5}}
}

func llmExchange() *filters.Exchange {
	return &filters.Exchange{
		ID:    "x",
		Route: filters.Route{Surface: filters.SurfaceLLM, Operation: "messages"},
		Request: filters.Request{
			Method: "POST", Path: "/v1/messages", Time: time.Date(2026, 3, 2, 22, 30, 0, 0, time.UTC), BodySize: 1234,
			Headers: map[string]string{"x-a": "1", "x-b": "2"},
		},
		Identity: filters.Identity{Method: "virtual_key", User: "ann", Groups: []string{"finance", "staff"}, Key: "ann-laptop"},
		Claimed:  filters.Claimed{Session: "s-1"},
		LLM: &filters.LLM{
			Provider: "anthropic", Dialect: "anthropic", Operation: "messages", Model: "claude-opus-4", Stream: true, MaxTokens: 4096,
			Tools:        []filters.Tool{{Name: "bash", Type: "custom"}, {Name: "web_search", Type: "web_search_20260318"}},
			Declarations: []filters.Declaration{{Kind: "mcp_server", Name: "evil", URL: "https://evil.example/"}},
		},
		Blocks: []filters.Block{
			{Role: "system", Origin: filters.OriginSystem, MediaType: "text/plain", Data: filters.Plain("be nice")},
			{Role: "user", Origin: filters.OriginUser, MediaType: "text/plain", Data: filters.Plain("key AKIAIOSFODNN7EXAMPLE"), Pointer: "/messages/0/content"},
		},
	}
}

func mcpExchange(arguments string) *filters.Exchange {
	return &filters.Exchange{
		Route:    filters.Route{Surface: filters.SurfaceMCP},
		Identity: filters.Identity{Method: "virtual_key", User: "ann"},
		MCP: &filters.MCP{
			Server: "warehouse", Method: "tools/call", Arguments: []byte(arguments),
			Tool: filters.MCPTool{Name: "query", Registered: true, Annotations: filters.DefaultToolAnnotations()},
		},
	}
}

func TestEval(t *testing.T) {
	const arguments = `{"sql":"DROP TABLE x","limit":9007199254740993,"ratio":1.5,"deep":{"list":[1,"a",null,true]},"empty":{}}`
	for _, c := range []struct {
		surface filters.Surface
		expr    string
		want    any // a bool, or the text of the error
	}{
		{"llm", "identity.user == 'ann' && 'finance' in identity.groups && identity.claimed.session == 's-1'", true},
		{"llm", "llm.model.startsWith('claude-') && llm.stream && llm.max_tokens > 4000", true},
		{"llm", "llm.tools.exists(t, t.type.startsWith('web_search'))", true},
		{"llm", "llm.declarations.all(d, d.kind != 'mcp_server')", false},
		{"llm", "llm.blocks.exists(b, b.origin == 'user' && b.text.matches(r'AKIA[0-9A-Z]{16}'))", true},
		{"llm", "llm.blocks.filter(b, b.role == 'user')[0].pointer == '/messages/0/content'", true},
		{"llm", "llm.blocks.map(b, b.size).exists(s, s == 7)", true},
		{"llm", "request.time.getHours() == 22 && request.time.getDayOfWeek() == 1", true},
		{"llm", "request.headers['x-a'] == '1' && !('x-c' in request.headers) && request.size == 1234", true},
		{"llm", "request.headers.map(k, k) == ['x-a', 'x-b'] && size(request.headers) == 2", true},
		{"llm", "request.headers == {'x-b': '2', 'x-a': '1'}", true},
		{"llm", "has(llm.max_tokens) && !has(identity.claimed.agent) && has(llm.tools)", true},
		{"llm", "[llm, 1][0].model == 'claude-opus-4' && has([llm, 1][0].model)", true},
		{"llm", "[llm, 1][0] == [llm, 1][0]", "no such overload at p.yaml:10:"},
		{"llm", "request.headers['x-c'] == ''", "no such key at p.yaml:10:"},
		{"llm", "int(llm.model) > 1", "type conversion error at p.yaml:10:"},
		{"llm", "1 / size(identity.groups.filter(g, g == 'x')) == 1", "division by zero at p.yaml:10:7"},
		{"llm", "llm.blocks[9].role == ''", "index out of bounds at p.yaml:10:"},
		{"llm", "request.headers['x-c'] == '' || true", true},
		{"mcp", "mcp.server == 'warehouse' && !mcp.tool.annotations.readOnlyHint && mcp.tool.registered", true},
		{"mcp", "mcp.arguments.sql.lowerAscii().contains('drop')", true},
		{"mcp", "mcp.arguments.limit == 9007199254740993 && mcp.arguments.ratio > 1", true},
		{"mcp", "mcp.arguments.limit == 9007199254740992", false},
		{"mcp", "mcp.arguments.deep.list == [1, 'a', null, true] && has(mcp.arguments.deep.list)", true},
		{"mcp", "has(mcp.arguments.absent)", false},
		{"mcp", "mcp.arguments.exists(k, k == 'ratio') && size(mcp.arguments) == 5 && mcp.arguments.empty == {}", true},
		{"mcp", "mcp.arguments.absent == 1", "no such key at p.yaml:10:"},
		{"mcp", "mcp.arguments.sql > 3", "no such overload at p.yaml:10:"},
	} {
		t.Run(c.expr, func(t *testing.T) {
			env, x := newEnv(t, c.surface), llmExchange()
			if c.surface == filters.SurfaceMCP {
				x = mcpExchange(arguments)
			}
			p, bad := env.Compile(at(c.expr))
			if bad != nil {
				t.Fatal(bad)
			}
			check(t, p, env.NewActivation(x), c.want)
		})
	}
}

func check(t *testing.T, p *Program, a *Activation, want any) {
	t.Helper()
	got, err := p.Eval(a)
	if text, isText := want.(string); isText {
		if err == nil || !strings.HasPrefix(err.Error(), text) {
			t.Errorf("got %v, %v, want error %s", got, err, text)
		}
		return
	}
	if err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestArgumentsThatCannotBeRead(t *testing.T) {
	env := newEnv(t, filters.SurfaceMCP)
	p, bad := env.Compile(at("mcp.arguments.x == 1"))
	if bad != nil {
		t.Fatal(bad)
	}
	for _, raw := range []string{
		`[1]`, `{"x":1} 2`, `{"x":1e999}`, `{"x":1,"x":1}`, `{`, "{\"x\":\"\xff\"}",
		`{"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`,
		`{"x":[` + strings.Repeat("0,", maxArgumentValues) + `0]}`,
	} {
		check(t, p, env.NewActivation(mcpExchange(raw)), "invalid arguments at p.yaml:10:")
	}
	check(t, p, env.NewActivation(mcpExchange(`{"x":1}`)), true)
	check(t, p, env.NewActivation(mcpExchange(``)), "no such key at p.yaml:10:")
}

func TestBodyThatWasNotDecoded(t *testing.T) {
	env := newEnv(t, filters.SurfaceLLM)
	p, _ := env.Compile(at("llm.model == ''"))
	check(t, p, env.NewActivation(&filters.Exchange{}), "the request body was not decoded at p.yaml:10:")
}

// TestErrorsQuoteNothing: records keep the text of errors, so no content of the exchange may be in it.
func TestErrorsQuoteNothing(t *testing.T) {
	env := newEnv(t, filters.SurfaceLLM)
	x := llmExchange()
	x.LLM.Model = "SECRET"
	for _, text := range []string{
		"int(llm.model) == 1", "request.headers[llm.model] == ''", "{'a': 1}[llm.model] == 1", "duration(llm.model) > duration('1s')",
		"timestamp(llm.model) > request.time", "'a'.matches(llm.model + '(')", "request.time.getHours(llm.model) == 1",
	} {
		p, bad := env.Compile(at(text))
		if bad != nil {
			t.Fatal(bad)
		}
		if _, err := p.Eval(env.NewActivation(x)); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestVariables(t *testing.T) {
	env := newEnv(t, filters.SurfaceLLM)
	declare := func(name, text string) {
		t.Helper()
		p, bad := env.CompileValue(at(text))
		if bad != nil {
			t.Fatal(bad)
		}
		var err error
		if env, err = env.Declare(name, p); err != nil {
			t.Fatal(err)
		}
	}
	declare("typed", "llm.blocks.filter(b, b.origin == 'user')")
	declare("names", "llm.blocks.map(b, b.name)")
	declare("large", "variables.typed.exists(b, b.size > 10)")
	declare("broken", "request.headers['absent']")
	if _, err := env.Declare("large", nil); err == nil {
		t.Error("a variable was declared twice")
	}
	a := newEnvActivation(env)
	for text, want := range map[string]any{
		"variables.large && size(variables.typed) == 1 && variables.typed[0].role == 'user'": true,
		"variables.names.exists(n, n.contains('')) && variables.names == ['', '']":           true,
		"variables.broken == ''":         "no such key at p.yaml:10:",
		"variables.broken == '' || true": true,
	} {
		p, bad := env.Compile(at(text))
		if bad != nil {
			t.Fatal(bad)
		}
		check(t, p, a, want)
	}
	if _, bad := env.Compile(at("variables.lrage")); bad == nil || bad.Hint != `did you mean "large"?` || bad.Text != "lrage" {
		t.Errorf("misspelt variable: %v", bad)
	}
}

func newEnvActivation(env *Env) *Activation { return env.NewActivation(llmExchange()) }

// TestVariableOnce: a second reading of a variable costs no more than reading a field.
func TestVariableOnce(t *testing.T) {
	env := newEnv(t, filters.SurfaceLLM)
	p, _ := env.CompileValue(at("llm.blocks.all(b, b.text.contains('z'))"))
	env, _ = env.Declare("v", p)
	use, bad := env.Compile(at("variables.v"))
	if bad != nil {
		t.Fatal(bad)
	}
	a := newEnvActivation(env)
	check(t, use, a, false)
	first := a.Spent()
	check(t, use, a, false)
	if second := a.Spent() - first; second >= first || second > 3 {
		t.Errorf("first reading cost %d, second %d", first, second)
	}
}

// TestVariableBudget: a variable has MaxCost of its own, and is not paid for by the expression that reads it.
func TestVariableBudget(t *testing.T) {
	const search = "llm.blocks.exists(b, b.text.matches('^[^a-z][^a-z][^a-z][^a-z][^a-z][^a-z]$'))"
	env := newEnv(t, filters.SurfaceLLM)
	x := llmExchange()
	x.Blocks = slices.Repeat([]filters.Block{{Data: filters.Plain(strings.Repeat("x", 1<<20))}}, 160)
	p, bad := env.CompileValue(at(search))
	if bad != nil {
		t.Fatal(bad)
	}
	env, _ = env.Declare("v", p)
	twice, bad := env.Compile(at("variables.v || " + search))
	if bad != nil {
		t.Fatal(bad)
	}
	a := env.NewActivation(x)
	check(t, twice, a, false)
	if a.Spent() < MaxCost {
		t.Errorf("spent only %d", a.Spent())
	}
	env, _ = env.Declare("w", twice)
	thrice, bad := env.Compile(at("variables.w || " + search + " || " + search))
	if bad != nil {
		t.Fatal(bad)
	}
	check(t, thrice, env.NewActivation(x), "cost limit of 10000000 exceeded")
}

// TestTextIsNotCopied: a large request is judged in the memory that it already takes.
func TestTextIsNotCopied(t *testing.T) {
	env, x := newEnv(t, filters.SurfaceLLM), llmExchange()
	x.Blocks = []filters.Block{{Data: filters.Plain(make([]byte, 16<<20))}}
	p, _ := env.Compile(at("llm.blocks.exists(b, b.text.contains('AKIA') || b.text.matches('AKIA[0-9]') || b.text in ['a', 'b'])"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	check(t, p, env.NewActivation(x), false)
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("%d bytes allocated", grown)
	}
}

// TestConcurrent evaluates one program on many goroutines: run with -race.
func TestConcurrent(t *testing.T) {
	env := newEnv(t, filters.SurfaceLLM)
	p, _ := env.Compile(at("llm.blocks.exists(b, b.text.contains('AKIA')) && 'finance' in identity.groups"))
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if ok, err := p.Eval(env.NewActivation(llmExchange())); !ok || err != nil {
				t.Errorf("%v, %v", ok, err)
			}
		})
	}
	wait.Wait()
}

// TestFunctions freezes the list of functions: an author's rule must not stop compiling, and a new function is a decision.
func TestFunctions(t *testing.T) {
	env := newEnv(t, filters.SurfaceLLM)
	var lines []string
	for name, f := range env.cel.Functions() {
		for _, o := range f.OverloadDecls() {
			if f.IsDeclarationDisabled() {
				continue
			}
			lines = append(lines, fmt.Sprintf("%s %s", name, o.ID()))
		}
	}
	for _, m := range env.cel.Macros() {
		lines = append(lines, "macro "+m.Function()+" "+m.MacroKey())
	}
	slices.Sort(lines)
	golden(t, "testdata/functions.txt", strings.Join(slices.Compact(lines), "\n")+"\n")
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// FuzzArguments: no bytes panic, and what is decoded reads the same twice.
func FuzzArguments(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":[1,-0,1.5e3,"x",null,{"b":true}]}`, `[`, `{"a":`, `{"a":1}{}`, "{\"\\ud800\":1}"} {
		f.Add([]byte(seed))
	}
	env, err := NewEnv(filters.SurfaceMCP)
	if err != nil {
		f.Fatal(err)
	}
	p, bad := env.Compile(at("mcp.arguments == mcp.arguments && size(mcp.arguments) >= 0"))
	if bad != nil {
		f.Fatal(bad)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a := env.NewActivation(mcpExchange(string(raw)))
		ok, err := p.Eval(a)
		if err == nil && !ok {
			t.Errorf("%q does not equal itself", raw)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "invalid arguments at p.yaml:10:") {
			t.Errorf("%q: %v", raw, err)
		}
	})
}
