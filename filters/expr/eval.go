package expr

import (
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"bartizan/filters"
	"bartizan/filters/manifest"
)

// Activation is one exchange as expressions see it.
type Activation struct {
	*exchange
	variables *object     // of the policy that is judged; nil for one without
	block     *object     // the block that is judged; nil where none is
	call      *object     // the same as a tool call; nil where none is
	outer     *Activation // what this one was made of for blocks: it has the variables that do not read block
}

// exchange is what the activations of all policies share.
type exchange struct {
	identity, request, body object
	response                object // without a type before there is an answer
	surface                 string
	meter                   *meter
}

var _ cel.Activation = (*Activation)(nil)

// NewActivation prepares the evaluation of expressions of e's surface about x. Nothing is read before an expression asks for it.
func (e *Env) NewActivation(x *filters.Exchange) *Activation {
	shared := &exchange{
		identity: object{typ: e.schema.identity, value: x},
		request:  object{typ: e.schema.request, value: &x.Request},
		surface:  string(e.surface),
		meter:    newMeter(),
	}
	switch {
	case e.surface == filters.SurfaceLLM && x.LLM != nil:
		shared.body = object{typ: e.schema.llm, value: x, meter: shared.meter}
	case e.surface == filters.SurfaceMCP && x.MCP != nil:
		shared.body = object{typ: e.schema.mcp, value: x, meter: shared.meter}
	}
	return (&Activation{exchange: shared}).For(e)
}

// NewAnswerActivation prepares the evaluation of expressions about the answer to x, or about one message of it, which has these blocks.
func (e *Env) NewAnswerActivation(x *filters.Exchange, blocks []filters.Block) *Activation {
	a := e.NewActivation(x)
	a.response = object{typ: e.root("response"), value: &message{&x.Response, blocks}, meter: a.meter}
	return a
}

// ForBlocks is the activation for programs of the same environment that read block or call. Focus says which.
func (a *Activation) ForBlocks(e *Env) *Activation {
	next := &Activation{exchange: a.exchange, outer: a, block: &object{typ: e.schema.block}, call: &object{typ: e.schema.call}}
	if a.variables != nil {
		next.variables = &object{typ: a.variables.typ, value: next}
	}
	return next
}

// Focus makes b the block that is judged.
func (a *Activation) Focus(b *filters.Block) {
	*a.block = object{typ: a.block.typ, value: b, meter: a.meter}
	*a.call = object{typ: a.call.typ, value: b}
	if a.variables != nil {
		clear(a.variables.read)
	}
}

// For is the activation for programs of e, an environment that was declared from the one that made a. What was read of the exchange
// and what was spent is shared; variables are e's own.
func (a *Activation) For(e *Env) *Activation {
	if len(e.variables) == 0 {
		return &Activation{exchange: a.exchange}
	}
	next := &Activation{exchange: a.exchange}
	next.variables = &object{typ: e.variable, value: next}
	return next
}

// ResolveName finds a variable for CEL.
func (a *Activation) ResolveName(name string) (any, bool) {
	switch name {
	case "identity":
		return &a.identity, true
	case "request":
		return &a.request, true
	case "variables":
		return a.variables, a.variables != nil
	case "block":
		return a.block, a.block != nil
	case "call":
		return a.call, a.call != nil
	case "response":
		return &a.response, a.response.typ != nil
	case a.surface:
		if a.body.typ == nil {
			return types.NewErr("the request body was not decoded"), true
		}
		return &a.body, true
	}
	return nil, false
}

// Parent is nil: an activation stands alone.
func (a *Activation) Parent() cel.Activation { return nil }

// Spent is the cost of all evaluations so far.
func (a *Activation) Spent() uint64 { return a.meter.tracker.ActualCost() }

// EvalError says why an expression has no value. It quotes nothing of the exchange.
type EvalError struct {
	manifest.Position
	Message string
}

func (e *EvalError) Error() string { return e.Message + " at " + e.Position.String() }

// Eval evaluates a program that [Env.Compile] made. The error is an *[EvalError].
func (p *Program) Eval(a *Activation) (bool, error) {
	v, err := p.run(a)
	if err != nil {
		return false, err
	}
	b, ok := v.(types.Bool)
	if !ok {
		return false, &EvalError{p.source.Position, "not a bool"}
	}
	return bool(b), nil
}

func (p *Program) run(a *Activation) (ref.Val, error) {
	if a.Spent() > MaxExchangeCost {
		return nil, &EvalError{p.source.Position, "cost limit of the exchange exceeded"}
	}
	frame, err := interpreter.NewExecutionFrame(a)
	if err != nil {
		return nil, p.failure(err)
	}
	defer frame.Close()
	frame.SetCostTracker(a.meter.tracker)
	defer a.meter.begin()()
	v, _, err := p.prog.Eval(frame)
	if err != nil {
		return nil, p.failure(err)
	}
	return v, nil
}

// variable is the value of the variable p, which is number at of its policy.
func (a *Activation) variable(at int, p *Program) ref.Val {
	if a.outer != nil && p.reads&perBlock == 0 {
		return a.outer.variables.field(at)
	}
	return a.evaluate(p)
}

// evaluate is run for a variable: a failure becomes a value that fails whoever reads it.
func (a *Activation) evaluate(p *Program) ref.Val {
	v, err := p.run(a)
	if err != nil {
		return types.WrapErr(err)
	}
	return v
}

// failure classifies an error of CEL. The library's messages quote values ("no such key: …", "parsing …"), so only their kind and
// place are kept.
func (p *Program) failure(err error) error {
	var known *EvalError
	if errors.As(err, &known) {
		return known // a variable's: its own place
	}
	out := &EvalError{p.source.Position, "evaluation failed"}
	var cancelled interpreter.EvalCancelledError
	if errors.As(err, &cancelled) && cancelled.Cause == interpreter.CostLimitExceeded {
		out.Message = fmt.Sprintf("cost limit of %d exceeded", MaxCost)
		return out
	}
	for _, kind := range kinds() {
		if strings.Contains(err.Error(), kind) {
			out.Message = kind
			break
		}
	}
	var celErr *types.Err
	if errors.As(err, &celErr) && celErr.NodeID() > 0 {
		if at := p.ast.SourceInfo().GetStartLocation(celErr.NodeID()); at.Line() > 0 {
			out.Position = p.source.At(at.Line(), at.Column())
		}
	}
	return out
}

// kinds are the failures that an author can tell apart, as the library words them.
func kinds() []string {
	return []string{
		"the request body was not decoded", "invalid arguments", "no such key", "no such attribute", "no such overload",
		"division by zero", "modulus by zero", "index out of bounds", "overflow", "type conversion error",
	}
}
