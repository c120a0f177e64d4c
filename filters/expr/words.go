package expr

import (
	"maps"
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"bartizan/filters/manifest"
)

// vocabulary is what a field of closed vocabulary can be, beside empty: a comparison with any other word would never hold, or always.
type vocabulary struct {
	field string
	words []string
}

func (v *vocabulary) has(word string) bool { return word == "" || slices.Contains(v.words, word) }

// misspelt finds the first literal that is compared, by ==, != or in, with a field that can never be it.
func (e *Env) misspelt(source manifest.String, tree *ast.AST) *manifest.Error {
	var first *manifest.Error
	speller{env: e, tree: tree, report: func(literal ast.Expr, word string, known *vocabulary) {
		if first == nil {
			first = &manifest.Error{
				Position: place(source, tree, literal), Text: word, Message: known.field + " has no such word", Hint: manifest.Suggest(word, known.words),
			}
		}
	}}.visit(tree.Expr())
	return first
}

// vocabulary is that of the field that the program gives; nil: any text, or no text.
func (p *Program) vocabulary() *vocabulary { return speller{env: p.env, tree: p.ast}.of(p.ast.Expr()) }

// speller walks an expression. It never changes: within a macro another one walks, which knows the macro's variable too.
type speller struct {
	env    *Env
	tree   *ast.AST
	bound  map[string]*vocabulary // of the variables that macros introduce
	report func(literal ast.Expr, word string, known *vocabulary)
}

func (s speller) visit(e ast.Expr) {
	switch e.Kind() {
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		s.visit(c.IterRange())
		s.visit(c.AccuInit())
		inner := s.within(c)
		for _, part := range []ast.Expr{c.LoopCondition(), c.LoopStep(), c.Result()} {
			inner.visit(part)
		}
		return
	case ast.CallKind:
		s.call(e.AsCall())
	}
	for _, child := range ast.NavigateExpr(s.tree, e).Children() {
		s.visit(child)
	}
}

// within is the speller for the body of a macro, whose variable is each of the range. A second one hides what had its name.
func (s speller) within(c ast.ComprehensionExpr) speller {
	bound := maps.Clone(s.bound)
	if bound == nil {
		bound = map[string]*vocabulary{}
	}
	bound[c.IterVar()], bound[c.IterVar2()] = s.of(c.IterRange()), nil
	s.bound = bound
	return s
}

// call holds the literals on each side of a comparison against the vocabulary of the other.
func (s speller) call(call ast.CallExpr) {
	switch call.FunctionName() {
	case operators.Equals, operators.NotEquals, operators.In:
		left, right := call.Args()[0], call.Args()[1]
		s.compare(s.of(left), right)
		s.compare(s.of(right), left)
	}
}

// compare looks at a literal, and at those in a list that is written out.
func (s speller) compare(known *vocabulary, e ast.Expr) {
	if known == nil {
		return
	}
	switch e.Kind() {
	case ast.LiteralKind:
		if word, ok := e.AsLiteral().(types.String); ok && !known.has(string(word)) {
			s.report(e, string(word), known)
		}
	case ast.ListKind:
		for _, element := range e.AsList().Elements() {
			s.compare(known, element)
		}
	}
}

// of is the vocabulary of a string, or of the strings in a list; nil where it can be any text.
func (s speller) of(e ast.Expr) *vocabulary {
	switch e.Kind() {
	case ast.IdentKind:
		return s.bound[e.AsIdent()]
	case ast.SelectKind:
		return s.ofField(s.tree.GetType(e.AsSelect().Operand().ID()), e.AsSelect().FieldName())
	case ast.CallKind:
		if call := e.AsCall(); call.FunctionName() == operators.Index {
			return s.of(call.Args()[0])
		}
	case ast.ComprehensionKind:
		return s.ofList(e.AsComprehension())
	}
	return nil
}

func (s speller) ofField(owner *types.Type, name string) *vocabulary {
	for _, t := range s.env.objectTypes() {
		if i, ok := t.index[name]; ok && owner.TypeName() == t.celType.TypeName() {
			return t.fields[i].known
		}
	}
	return nil
}

// ofList is the vocabulary of what map and filter make: a list to which each step adds one element, always or on a condition.
func (s speller) ofList(c ast.ComprehensionExpr) *vocabulary {
	step := c.LoopStep()
	if step.Kind() == ast.CallKind && step.AsCall().FunctionName() == operators.Conditional {
		step = step.AsCall().Args()[1]
	}
	if step.Kind() != ast.CallKind || step.AsCall().FunctionName() != operators.Add {
		return nil
	}
	added := step.AsCall().Args()[1]
	if added.Kind() != ast.ListKind || added.AsList().Size() != 1 {
		return nil
	}
	return s.within(c).of(added.AsList().Elements()[0])
}
