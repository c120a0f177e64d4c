package policy

import (
	"slices"

	"bartizan/filters"
	"bartizan/filters/expr"
)

// conditionsRule stands as the rule in the verdict of a policy whose matchConditions failed. No rule can have this name.
const conditionsRule = "matchConditions"

// unjudged is the reason of a refusal that failurePolicy made.
const unjudged = "A rule that applies to this request could not be evaluated, and its policy refuses what it cannot judge."

// Judge decides about the request of x, whose body is decoded.
func (s *Set) Judge(x *filters.Exchange) filters.Decision {
	on := s.surfaces[x.Route.Surface]
	if on == nil {
		return filters.Decision{}
	}
	var verdicts []filters.Verdict
	base := on.env.NewActivation(x)
	operation := x.Operation()
	for _, p := range on.policies {
		if p.concerns(operation) {
			verdicts = p.judge(base.For(p.env), operation, verdicts)
		}
	}
	return decide(verdicts)
}

// judge appends the verdicts of one policy.
func (p *compiled) judge(a *expr.Activation, operation string, verdicts []filters.Verdict) []filters.Verdict {
	switch applies, err := p.applies(a); {
	case err != nil:
		return append(verdicts, p.failed(&Rule{Name: conditionsRule, Severity: filters.SeverityMedium}, err))
	case !applies:
		return verdicts
	}
	for i := range p.rules {
		r := &p.rules[i]
		if !r.concerns(operation) {
			continue
		}
		switch matched, err := r.program.Eval(a); {
		case err != nil:
			verdicts = append(verdicts, p.failed(r.Rule, err))
		case matched:
			verdicts = append(verdicts, p.verdict(r.Rule, filters.Matched, r.Action))
		}
	}
	return verdicts
}

// concerns tells whether any rule of the policy looks at an operation: if none does, its conditions cost nothing.
func (p *compiled) concerns(operation string) bool {
	return slices.ContainsFunc(p.rules, func(r compiledRule) bool { return r.concerns(operation) })
}

func (r *Rule) concerns(operation string) bool {
	return len(r.On) == 0 || slices.Contains(r.On, operation)
}

// applies evaluates the matchConditions. One that is false settles it, even where another failed (as in Kubernetes).
func (p *compiled) applies(a *expr.Activation) (bool, error) {
	var failure error
	for _, condition := range p.conditions {
		matched, err := condition.Eval(a)
		if err == nil && !matched {
			return false, nil
		}
		if failure == nil {
			failure = err
		}
	}
	return failure == nil, failure
}

// failed is the one place where failurePolicy is applied.
func (p *compiled) failed(r *Rule, err error) filters.Verdict {
	v := p.verdict(r, filters.Failed, filters.ActionDeny)
	v.Error = err.Error()
	v.Reason = unjudged
	if p.FailurePolicy == Ignore {
		v.Action = filters.ActionAllow
		v.Reason = ""
	}
	return v
}

func (p *compiled) verdict(r *Rule, outcome filters.VerdictOutcome, action filters.Action) filters.Verdict {
	return filters.Verdict{
		Policy: p.Name, Rule: r.Name, Outcome: outcome, Action: action, Severity: r.Severity, Reason: r.Reason, Observed: p.Mode == Observe,
	}
}

// decide sums verdicts up: the highest action wins, and the first verdict that asks for it decides. A verdict that is only observed,
// and a failure that is ignored, decide nothing.
func decide(verdicts []filters.Verdict) filters.Decision {
	d := filters.Decision{Verdicts: verdicts}
	for i := range verdicts {
		v := &verdicts[i]
		if v.Observed || v.Outcome == filters.Failed && v.Action == filters.ActionAllow {
			continue
		}
		if d.Deciding == nil || v.Action > d.Action {
			d.Action, d.Deciding = v.Action, v
		}
	}
	return d
}
