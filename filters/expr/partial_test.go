package expr

import (
	"strings"
	"testing"

	"bartizan/filters"
)

var laterFields = []string{"mcp.arguments", "mcp.tool_use_id", "request.size"}

// TestPartial: what a list shows is what a call with some arguments could be allowed.
func TestPartial(t *testing.T) {
	e := newEnv(t, filters.SurfaceMCP)
	for _, c := range []struct {
		expr string
		want string // true, false, unknown, or an error
	}{
		{"mcp.tool.name == 'query'", "true"},
		{"mcp.tool.name == 'other'", "false"},
		{"mcp.arguments.region == 'EU'", "unknown"},
		{"mcp.arguments['region'] == 'EU'", "unknown"},
		{"mcp.tool.name == 'query' && mcp.arguments.region == 'EU'", "unknown"},
		{"mcp.arguments.region == 'EU' && mcp.tool.name == 'query'", "unknown"},
		{"mcp.tool.name == 'other' && mcp.arguments.region == 'EU'", "false"},
		{"mcp.arguments.region == 'EU' && mcp.tool.name == 'other'", "false"},
		{"mcp.arguments.region == 'EU' || mcp.tool.name == 'query'", "true"},
		{"!(mcp.arguments.region == 'EU')", "unknown"},
		{"has(mcp.arguments.region)", "unknown"},
		{"!has(mcp.arguments.region) || mcp.arguments.region == 'EU'", "unknown"},
		{"'region' in mcp.arguments", "unknown"},
		{"mcp.arguments.region in ['EU', 'US']", "unknown"},
		{"mcp.arguments.all(k, k != 'drop')", "unknown"},
		{"mcp.arguments.exists(k, k == 'drop') && identity.user == 'bob'", "false"},
		{"size(mcp.arguments) > 0", "unknown"},
		{"mcp.arguments.sql.matches('^SELECT')", "unknown"},
		{"mcp.arguments.sql.startsWith('SELECT')", "unknown"},
		{"mcp.arguments.sql.lowerAscii().contains('drop')", "unknown"},
		{"mcp.arguments.n + 1 > 2", "unknown"},
		{"mcp.arguments.n > 1 ? true : false", "unknown"},
		{"mcp.tool.name == 'query' ? mcp.arguments.n > 1 : false", "unknown"},
		{"mcp.tool.name == 'query' ? false : mcp.arguments.n > 1", "false"},
		{"[mcp].exists(m, m.arguments.region == 'EU')", "unknown"},
		{"[mcp.arguments.region, 'x'].exists(r, r == 'x')", "unknown"},
		{"mcp.arguments == {'a': 1}", "unknown"},
		{"mcp.tool_use_id != ''", "unknown"},
		{"request.size < 100", "unknown"},
		{"request.host == 'h'", "false"},
		{"mcp.labels.team == 'finance' && mcp.owner == 'ops' && mcp.classification == 'internal'", "true"},
		{"mcp.labels.absent == 'x'", "no such key at p.yaml:10:15"},
		{"mcp.labels.absent == 'x' && mcp.tool.name == 'other'", "false"},
	} {
		p, bad := e.CompilePartial(at(c.expr), laterFields)
		if bad != nil {
			t.Errorf("%s: %v", c.expr, bad)
			continue
		}
		x := mcpExchange(`{"region":"EU"}`)
		x.MCP.About = filters.MCPServer{Labels: map[string]string{"team": "finance"}, Owner: "ops", Classification: "internal"}
		if got := partially(p, e.NewPartial(x, laterFields)); got != c.want {
			t.Errorf("%s: %s, want %s", c.expr, got, c.want)
		}
	}
}

func partially(p *Program, a *Partial) string {
	switch value, known, err := p.EvalPartial(a); {
	case err != nil:
		return err.Error()
	case !known:
		return "unknown"
	case value:
		return "true"
	}
	return "false"
}

func TestHasOfTheUnknown(t *testing.T) {
	e := newEnv(t, filters.SurfaceMCP)
	for _, expression := range []string{"has(mcp.arguments)", "[mcp].exists(m, has(m.arguments))", "has(request.size)"} {
		if _, bad := e.CompilePartial(at(expression), laterFields); bad == nil {
			t.Errorf("%s compiles", expression)
		}
	}
	if _, bad := e.CompilePartial(at("has(mcp.tool)"), laterFields); bad != nil {
		t.Error(bad)
	}
}

// TestCauseIsFoundLater: what may be called is asked before it is known what asked for the call, so an expression cannot read it.
func TestCauseIsFoundLater(t *testing.T) {
	e := newEnv(t, filters.SurfaceMCP)
	for _, expression := range []string{"mcp.call.cause.match == 'id'", "[mcp].exists(m, m.call.cause.exact)", "has(mcp.call)"} {
		if _, bad := e.CompilePartial(at(expression), laterFields); bad == nil || bad.Text != "mcp.call" {
			t.Errorf("%s: %v", expression, bad)
		}
	}
}

// TestPartialNext: one activation serves a whole list.
func TestPartialNext(t *testing.T) {
	e := newEnv(t, filters.SurfaceMCP)
	p, bad := e.CompilePartial(at("mcp.tool.name == 'query' || mcp.target == 'x'"), laterFields)
	if bad != nil {
		t.Fatal(bad)
	}
	x := mcpExchange("")
	a := e.NewPartial(x, laterFields)
	var got []string
	for _, name := range []string{"query", "other", "query"} {
		x.MCP.Tool.Name = name
		a.Next()
		got = append(got, partially(p, a))
	}
	x.MCP.Tool.Name = "other"
	a.Next("target")
	got = append(got, partially(p, a))
	a.Next()
	got = append(got, partially(p, a))
	if want := "true false true unknown false"; want != strings.Join(got, " ") {
		t.Errorf("%s, want %s", strings.Join(got, " "), want)
	}
}

// TestCaller: before the body, only who calls and how is known.
func TestCaller(t *testing.T) {
	e, err := NewCallerEnv()
	if err != nil {
		t.Fatal(err)
	}
	p, bad := e.Compile(at("'staff' in identity.groups && request.host != ''"))
	if bad != nil {
		t.Fatal(bad)
	}
	x := &filters.Exchange{Identity: filters.Identity{Groups: []string{"staff"}}, Request: filters.Request{Host: "h"}}
	if ok, err := p.Eval(e.NewActivation(x)); !ok || err != nil {
		t.Error(ok, err)
	}
	_, bad = e.Compile(at("mcp.server == 'x'"))
	if bad == nil || bad.Hint != "mcp is not known before the body is read: only identity and request are" {
		t.Error(bad)
	}
}
