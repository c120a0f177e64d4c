package expr

import (
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/functions"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// call is the call of a function, in the place of CEL's own node. It differs in one thing: the call is charged before it is made, by
// the bytes of its arguments. CEL charges afterwards, by a count of characters, and allocates for it.
type call struct {
	id       int64
	function string
	overload string // empty where only the arguments' types at evaluation tell
	args     []interpreter.InterpretableV2
	op       *functions.Overload
	price    price
}

var _ interpreter.InterpretableV2 = (*call)(nil)

// calls replaces CEL's nodes as an expression is planned.
type calls struct {
	ops    map[string]*functions.Overload // by overload and by function
	prices map[string]price
}

func newCalls(env *cel.Env) (*calls, error) {
	c := &calls{ops: map[string]*functions.Overload{}, prices: prices()}
	for name, f := range env.Functions() {
		if _, priced := c.prices[name]; !priced && !f.IsDeclarationDisabled() {
			return nil, fmt.Errorf("function %s has no price", name)
		}
		bound, err := f.Bindings()
		if err != nil {
			return nil, fmt.Errorf("read the bindings of %s: %w", name, err)
		}
		for _, op := range bound {
			c.ops[op.Operator] = op
		}
	}
	c.ops[operators.Equals] = &functions.Overload{Binary: types.Equal}
	c.ops[operators.NotEquals] = &functions.Overload{Binary: func(a, b ref.Val) ref.Val { return types.Bool(types.Equal(a, b) != types.True) }}
	return c, nil
}

// replace is the decorator of CEL's planner.
func (c *calls) replace(node interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	found, isCall := node.(interpreter.InterpretableCall)
	if !isCall || constant(found.Args()) {
		return node, nil
	}
	if found.Function() == overloads.Matches {
		return newMatch(found)
	}
	op := c.ops[found.OverloadID()]
	if op == nil {
		op = c.ops[found.Function()]
	}
	price := c.prices[found.Function()]
	if op == nil || price == nil {
		return node, nil
	}
	args := found.Args()
	if _, isSet := args[len(args)-1].(interpreter.InterpretableConst); isSet && found.OverloadID() == overloads.InList {
		args = []interpreter.InterpretableV2{&hashed{args[0]}, args[1]} // CEL makes a set of the list and does not count looking it up
		return interpreter.NewCall(found.ID(), found.Function(), found.OverloadID(), args, func(v ...ref.Val) ref.Val { return op.Binary(v[0], v[1]) }), nil
	}
	return &call{found.ID(), found.Function(), found.OverloadID(), args, op, price}, nil
}

// constant calls are left to CEL, which folds some of them.
func constant(args []interpreter.InterpretableV2) bool {
	for _, arg := range args {
		if _, is := arg.(interpreter.InterpretableConst); !is {
			return false
		}
	}
	return true
}

// ID is the expression's node.
func (c *call) ID() int64 { return c.id }

// Eval is the way of callers without a frame: CEL's planner makes none.
func (c *call) Eval(a interpreter.Activation) ref.Val { return interpreter.EvalActivation(a, c.Exec) }

// Exec evaluates the arguments in their order; the first that fails is the result, as CEL has it.
func (c *call) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	var a, b ref.Val
	if a = c.args[0].Exec(frame); c.stops(a) {
		return a
	}
	if len(c.args) > 1 {
		if b = c.args[1].Exec(frame); c.stops(b) {
			return b
		}
	}
	if len(c.args) > 2 {
		return c.many(frame, a, b)
	}
	charge(frame, c.price(a, b, nil))
	return c.label(c.invoke(a, b))
}

// many is for the few functions of more than two arguments, whose slice takes memory.
func (c *call) many(frame *interpreter.ExecutionFrame, a, b ref.Val) ref.Val {
	values := []ref.Val{a, b}
	for _, arg := range c.args[2:] {
		v := arg.Exec(frame)
		if c.stops(v) {
			return v
		}
		values = append(values, v)
	}
	charge(frame, c.price(a, b, values[2]))
	if c.op.Function != nil && c.fits(a) {
		return c.label(c.op.Function(values...))
	}
	return c.label(c.receive(values...))
}

func (c *call) stops(v ref.Val) bool { return !c.op.NonStrict && types.IsUnknownOrError(v) }

// fits tells whether the bound function takes a; if not, the value has a method, or there is no overload.
func (c *call) fits(a ref.Val) bool {
	return c.op.OperandTrait == 0 || a.Type().HasTrait(c.op.OperandTrait)
}

func (c *call) invoke(a, b ref.Val) ref.Val {
	switch fits := c.fits(a); {
	case fits && b == nil && c.op.Unary != nil:
		return c.op.Unary(a)
	case fits && b != nil && c.op.Binary != nil:
		return c.op.Binary(a, b)
	case fits && b == nil && c.op.Function != nil:
		return c.op.Function(a)
	case fits && c.op.Function != nil:
		return c.op.Function(a, b)
	case b == nil:
		return c.receive(a)
	}
	return c.receive(a, b)
}

func (c *call) receive(values ...ref.Val) ref.Val {
	if r, is := values[0].(traits.Receiver); is && values[0].Type().HasTrait(traits.ReceiverType) {
		return r.Receive(c.function, c.overload, values[1:])
	}
	return types.NewErr("no such overload: %s", c.function)
}

func (c *call) label(v ref.Val) ref.Val { return label(c.id, v) }

// label notes where in the expression an error arose.
func label(id int64, v ref.Val) ref.Val {
	if err, failed := v.(*types.Err); failed && err.NodeID() == 0 {
		return types.LabelErrNode(id, err)
	}
	return v
}

// hashed charges for a text that is looked up in a set.
type hashed struct{ interpreter.InterpretableV2 }

// Exec evaluates the text and charges for reading it.
func (h *hashed) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	v := h.InterpretableV2.Exec(frame)
	charge(frame, length(v)/readRate)
	return v
}
