package expr

import (
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// sizes tells CEL's estimator how large to expect what an expression reads: the sizes of the schema's fields, found by their path.
type sizes struct{ env *Env }

// EstimateCallCost leaves the price of every function to CEL and to models.
func (s sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// models estimate the calls that CEL's estimates would refuse although they are cheap, as prices charges them. For other functions
// CEL's estimates are higher than our prices, and stay: they know the sizes of results.
func models() []cost.OverloadModel {
	read := func(q cost.QuantityExpr) cost.OverloadModelOption {
		return cost.EvalCost(cost.Sum(cost.Const(1), cost.Scale(q, 1.0/readRate)))
	}
	blocks := cost.Sum(cost.Const(1), cost.Scale(cost.Arg(0), 1.0/needleBlock))
	return []cost.OverloadModel{
		cost.MemberOverload(overloads.ContainsString, read(cost.Mul(cost.Target(), blocks))),
		cost.MemberOverload(overloads.StartsWithString, read(cost.Arg(0))),
		cost.MemberOverload(overloads.EndsWithString, read(cost.Arg(0))),
		cost.Overload(overloads.SizeString, read(cost.Arg(0))),
		cost.MemberOverload(overloads.SizeStringInst, read(cost.Target())),
		cost.Overload(overloads.Matches, cost.ManualCost(estimateMatch, unpriced)),
		cost.MemberOverload(overloads.MatchesString, cost.ManualCost(estimateMatch, unpriced)),
	}
}

// estimateMatch takes a pattern that is not a constant for the largest.
func estimateMatch(sizes cost.Estimator, target *cost.AstNode, args []cost.AstNode) *cost.CallEstimate {
	if target != nil {
		args = append([]cost.AstNode{*target}, args...)
	}
	size := MaxRegexProgram
	if e := args[1].Expr(); e != nil && e.Kind() == ast.LiteralKind {
		if text, isText := e.AsLiteral().(types.String); isText {
			size, _ = types.RegexProgramSize(string(text)) // the validator of literals reports the error
		}
	}
	text := cost.EstimateSize(sizes, args[0]).Max
	return cost.NewCallEstimate(cost.RangedCostEstimate(1, cost.SafeAdd(1, matchPrice(text, uint64(size)))), nil)
}

// unpriced leaves to CEL what a call of constants costs: all others are charged by our nodes.
func unpriced([]ref.Val, ref.Val) *uint64 { return nil }

// EstimateSize gives the size of a field, of an element of one, or, for values without a path, of something of the node's type.
func (s sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	if known := node.ComputedSize(); known != nil && known.Max != unbounded {
		return nil
	}
	size := s.pathSize(node.Path())
	if size == 0 {
		size = sizeOf(node.Type())
	}
	if size == 0 {
		return nil
	}
	estimate := estimateOf(node.Type(), size)
	return &estimate
}

// estimateOf adds what a container's elements measure.
func estimateOf(t *types.Type, size uint64) cost.SizeEstimate {
	all := cost.RangedSizeEstimate(0, size)
	switch params := t.Parameters(); {
	case t.Kind() == types.ListKind && len(params) == 1 && sizeOf(params[0]) > 0:
		return cost.ListSizeEstimate(all, estimateOf(params[0], sizeOf(params[0])))
	case t.Kind() == types.MapKind && len(params) == 2 && sizeOf(params[1]) > 0:
		return cost.MapSizeEstimate(all, cost.RangedSizeEstimate(0, sizeName), estimateOf(params[1], sizeOf(params[1])))
	}
	return all
}

// pathSize walks a path such as llm.blocks.@items.text through the schema; 0 where it leaves it.
func (s sizes) pathSize(path []string) uint64 {
	if len(path) < 2 {
		return 0
	}
	t := s.env.root(path[0])
	for i, name := range path[1:] {
		if strings.HasPrefix(name, "@") {
			continue
		}
		if t == nil {
			return 0
		}
		at, known := t.index[name]
		if !known {
			return 0
		}
		if i == len(path)-2 {
			return t.fields[at].size
		}
		t = s.env.objectOf(t.fields[at].typ)
	}
	return 0
}

// root is the object type of a variable.
func (e *Env) root(name string) *objectType {
	switch name {
	case "identity":
		return e.schema.identity
	case "request":
		return e.schema.request
	case "variables":
		return e.variable
	}
	return e.schema.roots(e.surface)[name]
}

// objectOf is the object type of t or of the elements of t.
func (e *Env) objectOf(t *types.Type) *objectType {
	if t.Kind() == types.ListKind && len(t.Parameters()) == 1 {
		t = t.Parameters()[0]
	}
	for _, known := range e.schema.types() {
		if known.celType == t {
			return known
		}
	}
	return nil
}

// sizeOf is what to expect of a value of which only the type is known.
func sizeOf(t *types.Type) uint64 {
	switch t.Kind() {
	case types.StringKind, types.BytesKind, types.DynKind, types.AnyKind:
		return sizeText
	case types.ListKind:
		return sizeBlocks
	case types.MapKind:
		return sizeFew
	default:
		return 0
	}
}
