package access

import (
	"errors"
	"fmt"

	"bartizan/filters"
	"bartizan/filters/expr"
	"bartizan/filters/mcp"
)

// Gate opens the gate to the items of the server of x.
func (r *Registry) Gate(x *filters.Exchange) mcp.Gate { return r.gate(x) }

func (r *Registry) gate(x *filters.Exchange) *gate {
	g := &gate{registry: r, x: x, server: r.servers[x.MCP.Server]}
	if g.server != nil {
		g.asked = *x
		m := *x.MCP
		g.asked.MCP = &m
		g.asked.Blocks = nil
	}
	return g
}

// gate decides for one exchange.
type gate struct {
	registry *Registry
	server   *server // nil: there is none of this name, and nothing is admitted
	x        *filters.Exchange
	asked    filters.Exchange // the call that an item of a list would make
	partial  *expr.Partial    // of asked; nil until it is needed
	listed   map[item]bool
}

// methods are those that use an item.
var methods = map[mcp.ItemKind]string{
	mcp.ItemTool: "tools/call", mcp.ItemPrompt: "prompts/get", mcp.ItemResource: "resources/read", mcp.ItemResourceTemplate: "resources/read",
	mcp.ItemCompletion: "completion/complete", mcp.ItemTask: "tasks/get",
}

// List decides whether an item is shown.
func (g *gate) List(item mcp.Item) mcp.Admission {
	a := g.mayList(item)
	if a.Visible {
		g.inspect(item, &a)
	}
	a.Allowed = a.Visible
	return a
}

// Call decides about the use of an item.
func (g *gate) Call(item mcp.Item) mcp.Admission {
	a := g.mayCall(item)
	if a.Visible {
		g.recall(item, &a)
	}
	return a
}

// nameOf is the name by which pins and memory know an item.
func nameOf(item mcp.Item) string {
	switch item.Kind {
	case mcp.ItemResource, mcp.ItemResourceTemplate:
		return item.URI
	case mcp.ItemInstructions:
		return string(mcp.ItemInstructions)
	}
	return item.Name
}

// mayList asks the expressions about the call that the item would make.
func (g *gate) mayList(item mcp.Item) mcp.Admission {
	if g.server == nil {
		return mcp.Admission{}
	}
	access, spoken := g.server.access[item.Kind]
	if item.Kind == mcp.ItemCompletion && !spoken {
		return g.mayList(completed(item))
	}
	if !spoken {
		return mcp.Admission{Visible: true, Allowed: true}
	}
	g.ask(item)
	return decide(access, func(p *expr.Program) (bool, error) {
		admits, known, err := p.EvalPartial(g.partial)
		return admits || !known && err == nil, err
	})
}

// completed is the item whose arguments a completion completes.
func completed(item mcp.Item) mcp.Item {
	if item.URI != "" {
		return mcp.Item{Kind: mcp.ItemResourceTemplate, URI: item.URI}
	}
	return mcp.Item{Kind: mcp.ItemPrompt, Name: item.Name}
}

// ask makes the call that is thought of.
func (g *gate) ask(item mcp.Item) {
	m := g.asked.MCP
	m.Method, m.Tool, m.Target = methods[item.Kind], filters.MCPTool{}, ""
	var unknown []string
	switch item.Kind {
	case mcp.ItemTool:
		annotations, registered := g.server.Tools[item.Name]
		if !registered {
			annotations = filters.DefaultToolAnnotations()
		}
		m.Tool = filters.MCPTool{Name: item.Name, Registered: registered, Annotations: annotations}
	case mcp.ItemResourceTemplate: // which resource will be read is the caller's choice
		unknown = []string{"target"}
	default:
		m.Target = item.Name
		if item.URI != "" {
			m.Target = item.URI
		}
	}
	if g.partial == nil {
		g.partial = g.registry.calls.NewPartial(&g.asked, later)
	}
	g.partial.Next(unknown...)
}

// mayCall asks the expressions about the request as it is.
func (g *gate) mayCall(item mcp.Item) mcp.Admission {
	if g.server == nil {
		return mcp.Admission{}
	}
	access, spoken := g.server.access[item.Kind]
	if !spoken {
		return g.mayList(item)
	}
	activation := g.registry.calls.NewActivation(g.x)
	a := decide(access, func(p *expr.Program) (bool, error) { return p.Eval(activation) })
	if !a.Allowed {
		a.Visible = g.mayList(item).Visible
	}
	return a
}

// decide adds documents up: what one admits is admitted.
func decide(access []*compiled, admits func(*expr.Program) (bool, error)) mcp.Admission {
	var failures error
	for _, c := range access {
		ok, err := admits(c.program)
		if ok {
			return mcp.Admission{Visible: true, Allowed: true}
		}
		if err != nil {
			failures = errors.Join(failures, fmt.Errorf("ToolAccess %s: %w", c.Name, err))
		}
	}
	a := mcp.Admission{Policy: "ToolAccess " + access[0].Name, Reason: reason(access)}
	if failures != nil {
		a.Error = failures.Error()
		a.Reason = "What may be called could not be found out, and nothing is admitted that is not known to be. " + a.Reason
	}
	return a
}

// reason is for a model to act on.
func reason(access []*compiled) string {
	for _, c := range access {
		if c.Reason != "" {
			return c.Reason
		}
	}
	return "It may be used, but not in this way: other arguments may be admitted."
}
