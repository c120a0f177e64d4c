package expr

import (
	"slices"

	"cel.dev/cel-go/common/ast"

	"bartizan/filters"
)

// Reads says what an expression reads that is not there all the time.
type Reads uint8

// What is not there all the time.
const (
	ReadsBlock    Reads = 1 << iota // block: one block at a time
	ReadsCall                       // call: one tool call of a model's answer at a time
	ReadsResponse                   // response: once an answer has come
	ReadsEnd                        // response.stop_reason, response.error of a model's answer: once all of it has come
	ReadsContent                    // llm.blocks, mcp.blocks, mcp.arguments: until the request is judged

	readsElse     // anything else of the exchange, a block's place in it among that
	readsPresence // has() of a block's content, or the block as a whole: there is no third answer to give while the content is to come
)

// perBlock are what is evaluated for each block.
const perBlock = ReadsBlock | ReadsCall

// laterOfBlock are the fields of a block that are its content, or follow from it.
var laterOfBlock = []string{"text", "size", "findings"}

// Reads tells what the expression and the variables that it names read.
func (p *Program) Reads() Reads { return p.reads }

// OnlyBlock tells whether the value follows from a block alone, wherever it stands: it is the same for the same block in any exchange.
func (p *Program) OnlyBlock() bool {
	return p.reads&perBlock != 0 && p.reads&^(perBlock|readsPresence) == 0
}

// reads finds what tree reads. Names that a macro such as exists introduces hide ours.
func (e *Env) reads(tree ast.Expr, hidden []string) Reads {
	switch tree.Kind() {
	case ast.IdentKind:
		return e.readsRoot(tree, "", hidden)
	case ast.SelectKind:
		s := tree.AsSelect()
		if s.Operand().Kind() == ast.IdentKind {
			found := e.readsRoot(s.Operand(), s.FieldName(), hidden)
			if found&ReadsBlock != 0 && s.IsTestOnly() {
				found |= readsPresence
			}
			return found
		}
		return e.reads(s.Operand(), hidden)
	case ast.CallKind:
		call := tree.AsCall()
		found := e.readsAll(call.Args(), hidden)
		if call.IsMemberFunction() {
			found |= e.reads(call.Target(), hidden)
		}
		return found
	case ast.ListKind:
		return e.readsAll(tree.AsList().Elements(), hidden)
	case ast.MapKind:
		var found Reads
		for _, entry := range tree.AsMap().Entries() {
			found |= e.reads(entry.AsMapEntry().Key(), hidden) | e.reads(entry.AsMapEntry().Value(), hidden)
		}
		return found
	case ast.ComprehensionKind:
		c := tree.AsComprehension()
		inner := append(slices.Clip(hidden), c.IterVar(), c.IterVar2(), c.AccuVar())
		return e.readsAll([]ast.Expr{c.IterRange(), c.AccuInit()}, hidden) | e.readsAll([]ast.Expr{c.LoopCondition(), c.LoopStep(), c.Result()}, inner)
	}
	return 0
}

func (e *Env) readsAll(trees []ast.Expr, hidden []string) Reads {
	var found Reads
	for _, t := range trees {
		found |= e.reads(t, hidden)
	}
	return found
}

func (e *Env) readsRoot(ident ast.Expr, field string, hidden []string) Reads {
	name := ident.AsIdent()
	if slices.Contains(hidden, name) {
		return 0
	}
	switch name {
	case "block":
		switch field {
		case "":
			return ReadsBlock | readsPresence | readsElse
		case "pointer":
			return ReadsBlock | readsElse
		}
		return ReadsBlock
	case "call":
		return ReadsCall
	case "response":
		if e.surface == filters.SurfaceLLM && (field == "" || field == "stop_reason" || field == "error") {
			return ReadsResponse | ReadsEnd
		}
		return ReadsResponse
	case "variables":
		var found Reads
		for i, v := range e.variables {
			if field == "" || e.variable.fields[i].name == field {
				found |= v.reads
			}
		}
		return found
	case string(e.surface):
		if field == "" || field == "blocks" || field == "arguments" { // "": [mcp].exists(m, m.arguments ...)
			return ReadsContent | readsElse
		}
		return readsElse
	case "identity", "request":
		return readsElse
	}
	return 0
}
