package expr

import (
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// meter counts what the evaluations for one exchange cost. CEL's nodes count themselves on its tracker, the calls of functions are
// charged by ours, before they are made.
type meter struct {
	tracker *cost.Tracker
	limit   uint64 // the total at which the evaluation that runs is ended; the tracker reads it
	price   uint64 // of the call that is being charged
}

func newMeter() *meter {
	m := &meter{}
	m.tracker, _ = cost.NewTracker(m) // an error could only come from an option
	m.tracker.Limit = &m.limit
	return m
}

// begin gives an evaluation MaxCost, until the function that it returns is called. That of a variable runs while another waits for its
// value, at whose expense it is not.
func (m *meter) begin() func() {
	before, outer := m.tracker.ActualCost(), m.limit
	m.limit = before + MaxCost
	return func() { m.limit = outer + m.tracker.ActualCost() - before }
}

// charge counts a call of our nodes: one unit and the price of what it reads. It ends the evaluation when that is more than is left,
// without counting what is then not done. No frame of an evaluation is without a tracker; those of constant folding are.
func charge(frame *interpreter.ExecutionFrame, price uint64) {
	tracker := frame.CostTracker()
	if tracker == nil {
		return
	}
	tracker.Estimator.(*meter).charge(price)
}

func (m *meter) charge(price uint64) {
	if price >= m.limit-min(m.tracker.ActualCost(), m.limit) {
		panic(cost.LimitExceededError{}) // CEL's own way to end an evaluation: its Program recovers it
	}
	m.price = 1 + price
	m.tracker.EvalVarArgs(nil, 0, charged{}, nil, nil)
}

// pay counts work that is done outside of an evaluation, unless it would cost more than one may.
func (m *meter) pay(price uint64) bool {
	if price >= MaxCost {
		return false
	}
	defer m.begin()()
	m.price = 1 + price
	m.tracker.EvalVarArgs(nil, 0, charged{}, nil, nil)
	return true
}

// charged is the call as which the tracker counts m.price: it has no method to add a number, and its way for calls allocates.
type charged struct{}

func (charged) Function() string   { return "" }
func (charged) OverloadID() string { return "" }

// CallCost prices charged for the tracker, and leaves the price of what CEL calls itself (on constants) to CEL.
func (m *meter) CallCost(_, overload string, _ []ref.Val, _ ref.Val) *uint64 {
	if overload == (charged{}).OverloadID() {
		return &m.price
	}
	return nil
}
