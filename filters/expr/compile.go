package expr

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"

	"bartizan/filters/manifest"
)

// Program is a compiled expression.
type Program struct {
	source manifest.String
	ast    *ast.AST
	prog   cel.Program
	out    *types.Type
	env    *Env
	reads  Reads
}

// Compile compiles an expression that must be a bool: a match condition or a rule. The error stands at the mistake in the file.
func (e *Env) Compile(source manifest.String) (*Program, *manifest.Error) {
	p, err := e.CompileValue(source)
	if err != nil {
		return nil, err
	}
	if p.out.Kind() == types.BoolKind {
		return p, nil
	}
	hint := "compare it with something"
	if p.out.Kind() == types.DynKind {
		hint = "its type is not known before it is evaluated: compare it, as in == true"
	}
	return nil, source.Errorf(hint, "want a bool, found %s", cel.FormatCELType(p.out))
}

// CompileValue compiles an expression of any type: a variable.
func (e *Env) CompileValue(source manifest.String) (*Program, *manifest.Error) {
	checked, issues := e.cel.Compile(source.Value)
	if issues.Err() != nil {
		return nil, e.mistake(source, issues.Errors())
	}
	tree := checked.NativeRep()
	if err := refuse(source, tree); err != nil {
		return nil, err
	}
	if err := e.misspelt(source, tree); err != nil {
		return nil, err
	}
	price, err := e.cel.EstimateCost(checked, sizes{e})
	if err != nil {
		return nil, source.Errorf("", "its cost cannot be estimated")
	}
	reads := e.reads(tree.Expr(), nil)
	if reads&perBlock != 0 { // evaluated for each
		price.Max = cost.SafeMultiply(price.Max, sizeBlocks)
	}
	if price.Max > MaxEstimate {
		return nil, tooExpensive(source, price.Max)
	}
	prog, err := e.cel.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CustomDecoratorV2(e.calls.replace))
	if err != nil {
		return nil, source.Errorf("", "cannot be evaluated: %v", err)
	}
	return &Program{source: source, ast: tree, prog: prog, out: checked.OutputType(), env: e, reads: reads}, nil
}

func tooExpensive(source manifest.String, price uint64) *manifest.Error {
	const hint = "test something cheap first in matchConditions, avoid exists within exists, search for shorter patterns"
	if price == unbounded {
		return source.Errorf(hint, "too expensive: its cost has no bound")
	}
	return source.Errorf(hint, "too expensive: a large request would cost %d, the limit is %d", price, uint64(MaxEstimate))
}

// refuse finds what type checks and yet has no place in a policy.
func refuse(source manifest.String, tree *ast.AST) *manifest.Error {
	var first *manifest.Error
	report := func(e ast.Expr, message, hint string) {
		if first == nil {
			first = &manifest.Error{Position: place(source, tree, e), Message: message, Hint: hint}
		}
	}
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.StructKind:
			report(e, "objects cannot be made", "")
		case ast.ComprehensionKind:
			if e.AsComprehension().IterRange().Kind() == ast.MapKind {
				report(e, "a map that is written out has no order", "write a list")
			}
		case ast.CallKind:
			switch call := e.AsCall(); {
			case call.FunctionName() == overloads.TypeConvertDyn && holdsObject(tree.GetType(call.Args()[0].ID())):
				report(e, "dyn would hide misspelt fields", "leave it out")
			case comparesObjects(tree, call):
				report(e, "objects cannot be compared", "compare their fields")
			}
		}
	}))
	return first
}

// place is where a part of an expression begins in the file.
func place(source manifest.String, tree *ast.AST, e ast.Expr) manifest.Position {
	at := tree.SourceInfo().GetStartLocation(e.ID())
	return source.At(max(at.Line(), 1), max(at.Column(), 0))
}

func comparesObjects(tree *ast.AST, call ast.CallExpr) bool {
	switch call.FunctionName() {
	case operators.Equals, operators.NotEquals, operators.In:
		for _, arg := range call.Args() {
			if holdsObject(tree.GetType(arg.ID())) {
				return true
			}
		}
	}
	return false
}

func holdsObject(t *types.Type) bool {
	if t == nil {
		return false
	}
	if t.Kind() == types.StructKind {
		return true
	}
	for _, p := range t.Parameters() {
		if holdsObject(p) {
			return true
		}
	}
	return false
}

// String shows the expression as written.
func (p *Program) String() string { return p.source.Value }
