package expr

import (
	"errors"
	"fmt"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"

	"bartizan/filters"
)

// TestSameAsCEL: our nodes change what a call costs and not what it gives, down to the text of an error and the node that it is
// labelled with.
func TestSameAsCEL(t *testing.T) {
	const arguments = `{"s":"Größe 12","n":3,"f":1.5,"list":["a","b",3],"m":{"k":"v"},"null":null,"digits":"42","re":"[0-9]+","bad":"("}`
	env := newEnv(t, filters.SurfaceMCP)
	for _, text := range []string{
		"mcp.arguments.s.contains('öß')", "mcp.arguments.n.contains('x')", "mcp.server.contains(mcp.arguments.n)", "mcp.server.contains(mcp.server)",
		"mcp.arguments.s.startsWith('Gr')", "mcp.arguments.n.startsWith('x')", "mcp.arguments.s.endsWith('12')", "mcp.arguments.s.endsWith(mcp.arguments.list)",
		"size(mcp.arguments.s)", "mcp.server.size()", "size(mcp.arguments.list)", "size(mcp.arguments.n)", "size(mcp.arguments)", "size(bytes(mcp.arguments.s))",
		"mcp.arguments.s.matches('[0-9]{2}$')", "mcp.arguments.s.matches('Größe')", "mcp.arguments.s.matches('Grösse')", "mcp.arguments.s.matches(mcp.arguments.re)",
		"mcp.arguments.n.matches('3')", "mcp.server.matches(mcp.arguments.n)", "matches(mcp.arguments.s, '^Gr')", "'abc'.matches('b')", "mcp.server.matches('')",
		"mcp.arguments.absent.matches('b')", "mcp.server.matches(mcp.arguments.absent)",
		"mcp.arguments.s.lowerAscii()", "mcp.arguments.s.upperAscii()", "mcp.arguments.s.reverse()", "mcp.arguments.s.trim()", "mcp.arguments.n.trim()",
		"mcp.arguments.s.charAt(2)", "mcp.arguments.s.charAt(200)", "mcp.arguments.s.substring(3)", "mcp.arguments.s.substring(3, 5)", "mcp.arguments.s.substring(5, 3)",
		"mcp.arguments.s.indexOf('e')", "mcp.arguments.s.indexOf('e', 2)", "mcp.arguments.s.lastIndexOf('e')", "mcp.arguments.s.lastIndexOf('e', 2)",
		"mcp.arguments.s.indexOf(mcp.arguments.n)", "mcp.arguments.s.replace('e', 'ee')", "mcp.arguments.s.replace('', '-', 2)", "mcp.server.replace('e', mcp.method)",
		"mcp.arguments.s.split(' ')", "mcp.arguments.s.split('', 3)", "mcp.server.split('e').join('+')", "mcp.server.split('e').join()", "strings.quote(mcp.arguments.s)",
		"mcp.arguments.s + 'x'", "mcp.arguments.n + 1", "mcp.arguments.n + 'x'", "mcp.arguments.list + [1]", "mcp.arguments.f + mcp.arguments.n", "9223372036854775807 + mcp.arguments.n",
		"mcp.arguments.n - 5", "mcp.arguments.n * 2", "mcp.arguments.n / 0", "mcp.arguments.n % 0", "-mcp.arguments.n", "-mcp.arguments.s", "!mcp.arguments.n", "!mcp.tool.registered",
		"mcp.arguments.n == 3.0", "mcp.arguments.n == 'x'", "mcp.arguments.list == ['a', 'b', 3]", "mcp.arguments.m != {'k': 'v'}", "mcp.arguments['null'] == null",
		"mcp.arguments == mcp.arguments", "mcp.arguments.absent == 1", "1 != mcp.arguments.absent", "dyn(mcp.server) == 1", "[mcp, 1][0] != [mcp, 1][0]",
		"mcp.arguments.n < 4.5", "mcp.arguments.s < 'H'", "mcp.arguments.s >= mcp.arguments.n", "mcp.tool.registered > false", "bytes(mcp.server) <= b'z'",
		"mcp.arguments.s in ['a', 'Größe 12']", "mcp.arguments.n in [1, 2, 3]", "3.0 in mcp.arguments.list", "'k' in mcp.arguments.m", "'a' in mcp.arguments.n", "mcp.arguments.n in []",
		"mcp.arguments.absent in ['a']", "b'a' in [bytes(mcp.server)]", "bytes(mcp.server) in [b'warehouse']", "mcp.server in [mcp.server]",
		"int(mcp.arguments.digits)", "int(mcp.arguments.s)", "uint(mcp.arguments.n)", "double(mcp.arguments.digits)", "bool(mcp.arguments.s)", "string(mcp.arguments.f)",
		"string(bytes(mcp.arguments.s))", "type(mcp.arguments.n) == int", "timestamp(mcp.arguments.s)", "duration(mcp.arguments.digits + 's')",
		"request.time.getHours()", "request.time.getHours('Europe/Vienna')", "request.time.getHours(mcp.server)", "duration(mcp.arguments.digits + 's').getSeconds()",
		"request.time.getDayOfWeek() + request.time.getDate() + request.time.getMonth()", "request.time - duration('1h') < request.time", "request.time > duration('1h') + request.time",
		"mcp.arguments.list.map(x, dyn(x) == 3)", "mcp.arguments.list.filter(x, x != 'a')", "mcp.arguments.list.exists(x, x > 2)", "mcp.arguments.list.exists(x, x.contains('z'))",
		"mcp.arguments.list.all(x, size(x) == 1)", "mcp.arguments.list.exists_one(x, x == 'a')", "mcp.arguments.map(k, k)", "!(mcp.arguments.absent && true) || true",
		"mcp.arguments.n > 2 ? mcp.arguments.s.contains('G') : mcp.arguments.absent", "[mcp.server, mcp.server].map(x, x + 'y').join('')",
	} {
		checked, issues := env.cel.Compile(text)
		if issues.Err() != nil {
			t.Errorf("%s: %v", text, issues.Err())
			continue
		}
		plain, err := env.cel.Program(checked, cel.EvalOptions(cel.OptOptimize))
		if err != nil {
			t.Fatal(err)
		}
		x := mcpExchange(arguments)
		x.Request.Time = llmExchange().Request.Time
		a := env.NewActivation(x)
		want := outcome(plain.Eval(a))
		p, bad := env.CompileValue(at(text))
		if bad != nil {
			t.Errorf("%s: %v", text, bad)
			continue
		}
		if got := ours(t, p, a); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

func ours(t *testing.T, p *Program, a *Activation) string {
	t.Helper()
	frame, err := interpreter.NewExecutionFrame(a)
	if err != nil {
		t.Fatal(err)
	}
	defer frame.Close()
	frame.SetCostTracker(a.meter.tracker)
	defer a.meter.begin()()
	return outcome(p.prog.Eval(frame))
}

// outcome is a value, or an error with its node.
func outcome(v ref.Val, _ *cel.EvalDetails, err error) string {
	var failed *types.Err
	if errors.As(err, &failed) {
		return fmt.Sprintf("error at node %d: %v", failed.NodeID(), failed)
	}
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(v.Type(), " ", show(v))
}

// show writes a value out, lists with their elements.
func show(v ref.Val) string {
	list, isList := v.(traits.Lister)
	if !isList {
		return fmt.Sprintf("%#v", v.Value())
	}
	out := "["
	for it := list.Iterator(); it.HasNext() == types.True; {
		out += show(it.Next()) + " "
	}
	return out + "]"
}
