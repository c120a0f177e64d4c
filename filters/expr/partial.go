package expr

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"bartizan/filters"
	"bartizan/filters/manifest"
)

// Partial is an exchange that is thought of and has not come: a call that a caller might make. What only the call will bring is
// unknown, and CEL computes with it: unknown && false is false, unknown || true is true, and everything else that needs it is unknown.
type Partial struct {
	*Activation
	later []bool // fields of mcp that are unknown
}

// CompilePartial is Compile for an expression that is evaluated with fields of mcp and request unknown as well. They are named as an
// author writes them: "mcp.arguments". has() is refused for them: CEL has no third answer to it. So is mcp.call, which is never known there.
func (e *Env) CompilePartial(source manifest.String, later []string) (*Program, *manifest.Error) {
	p, err := e.Compile(source)
	if err != nil {
		return nil, err
	}
	if p.reads&(perBlock|ReadsResponse) != 0 {
		return nil, source.Errorf("content is judged by the rules of a Policy", "block and response are not there when it is asked what may be called")
	}
	ast.PreOrderVisit(p.ast.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		if err != nil || x.Kind() != ast.SelectKind {
			return
		}
		name := e.rootName(p.ast.GetType(x.AsSelect().Operand().ID())) + "." + x.AsSelect().FieldName()
		report := func(message, hint string) {
			at := p.ast.SourceInfo().GetStartLocation(x.ID())
			err = &manifest.Error{Position: source.At(max(at.Line(), 1), max(at.Column(), 0)), Text: name, Message: message, Hint: hint}
		}
		switch {
		case name == "mcp.call":
			report("what asked for a call is found out after it is asked what may be called", "use it in a rule of a Policy")
		case x.AsSelect().IsTestOnly() && slices.Contains(later, name):
			report("has() cannot be asked of what is not known when a list is shown", "compare it with something, as in size("+name+") > 0")
		}
	}))
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (e *Env) rootName(t *types.Type) string {
	for _, name := range []string{"request", "mcp"} {
		if root := e.root(name); root != nil && root.celType == t {
			return name
		}
	}
	return ""
}

// NewPartial prepares the evaluation of expressions of surface mcp about x with the fields of later unknown.
func (e *Env) NewPartial(x *filters.Exchange, later []string) *Partial {
	p := &Partial{Activation: e.NewActivation(x)}
	p.request.later = e.unknown("request", later)
	p.later = e.unknown("mcp", later)
	p.body.later = p.later
	return p
}

// unknown marks the fields of a variable that are in later.
func (e *Env) unknown(name string, later []string) []bool {
	var fields []string
	for _, f := range later {
		if of, field, _ := strings.Cut(f, "."); of == name {
			fields = append(fields, field)
		}
	}
	return e.root(name).marks(fields)
}

// marks are true for the fields of these names.
func (t *objectType) marks(names []string) []bool {
	marks := make([]bool, len(t.fields))
	for i, f := range t.fields {
		marks[i] = slices.Contains(names, f.name)
	}
	return marks
}

// Next says that x.MCP has changed. Further fields of mcp that are unknown for this one call may be named.
func (p *Partial) Next(further ...string) {
	clear(p.body.read)
	p.body.later = p.later
	if len(further) == 0 {
		return
	}
	p.body.later = slices.Clone(p.later)
	for _, name := range further {
		p.body.later[p.body.typ.index[name]] = true
	}
}

// EvalPartial evaluates a program: known says whether its value follows from what is known. The error is an *[EvalError].
func (p *Program) EvalPartial(a *Partial) (value, known bool, err error) {
	return p.known(a.Activation)
}

// Foresee evaluates a program about the block in focus, whose content is to come: known says whether its value follows from all else.
func (p *Program) Foresee(a *Activation) (value, known bool, err error) {
	if p.reads&readsPresence != 0 {
		return false, false, nil
	}
	return p.known(a)
}

// Expect makes b, whose content is to come, the block that is judged.
func (a *Activation) Expect(b *filters.Block) {
	a.Focus(b)
	a.block.later = a.block.typ.marks(laterOfBlock)
	a.call.later = a.call.typ.marks([]string{"input", "text", "size"})
}

func (p *Program) known(a *Activation) (value, known bool, err error) {
	v, err := p.run(a)
	if err != nil {
		return false, false, err
	}
	switch v := v.(type) {
	case types.Bool:
		return bool(v), true, nil
	case *types.Unknown:
		return false, false, nil
	default:
		return false, false, &EvalError{p.source.Position, "not a bool"}
	}
}
