package policy

import (
	"maps"
	"slices"

	"bartizan/filters"
	"bartizan/filters/expr"
	"bartizan/filters/recall"
)

// conditionsRule stands as the rule in the verdict of a policy whose matchConditions failed. No rule can have this name.
const conditionsRule = "matchConditions"

// unjudged is the reason of a refusal that failurePolicy made.
const unjudged = "A rule that applies to this request could not be evaluated, and its policy refuses what it cannot judge."

// Judge decides about the request of x, whose body is decoded. It returns what decides about the answer, too; nil where no rule does.
func (s *Set) Judge(x *filters.Exchange) (filters.Decision, filters.AnswerJudge) {
	on := s.surfaces[x.Route.Surface]
	if on == nil {
		return filters.Decision{}, nil
	}
	j := judgement{set: s, operation: x.Operation(), blocks: x.Blocks}
	base := on.env.NewActivation(x)
	var follow []*compiled // the policies that have something to say about the answer
	for _, p := range on.policies {
		if p.concerns(j.operation) && j.policy(p, base.For(p.env)) && p.concernsAnswers(j.operation) {
			follow = append(follow, p)
		}
	}
	if len(follow) == 0 {
		return j.decide(), nil
	}
	return j.decide(), &answers{on, follow, j.operation}
}

// judgement collects the verdicts about a request or a message of an answer.
type judgement struct {
	set        *Set
	operation  string
	blocks     []filters.Block
	stage      filters.AnswerStage // 0: the request
	verdicts   []filters.Verdict
	treatments map[int]*filters.Treatment // by block
	known      []*recall.Verdicts         // by block; nil where they were not looked up yet, or there is no memory
}

// recall is what is known of block i.
func (j *judgement) recall(i int) *recall.Verdicts {
	if j.known == nil {
		j.known = make([]*recall.Verdicts, len(j.blocks))
	}
	if j.known[i] == nil {
		j.known[i] = j.set.memory.Of(&j.blocks[i]).Verdicts(j.set.generation, j.set.numbered)
	}
	return j.known[i]
}

// policy judges a request by one policy, and says whether its matchConditions hold.
func (j *judgement) policy(p *compiled, a *expr.Activation) bool {
	applies, err := p.applies(a)
	if err != nil {
		j.verdicts = append(j.verdicts, p.failed(&Rule{Name: conditionsRule, Severity: filters.SeverityMedium}, err))
	}
	if applies {
		j.rules(p, a)
	}
	return applies
}

// rules appends the verdicts of the rules that are about what is judged.
func (j *judgement) rules(p *compiled, a *expr.Activation) {
	var each *expr.Activation // made when the first rule is about blocks
	for i := range p.rules {
		r := &p.rules[i]
		switch {
		case !r.concerns(j.operation), !r.scope.at(j.stage):
		case r.scope.blocks:
			if each == nil {
				each = a.ForBlocks(p.env)
			}
			j.eachBlock(p, r, each)
		default:
			switch matched, err := r.program.Eval(a); {
			case err != nil:
				j.verdicts = append(j.verdicts, p.failed(r.Rule, err))
			case matched:
				j.verdicts = append(j.verdicts, p.verdict(r.Rule, filters.Matched, r.Action))
			}
		}
	}
}

// eachBlock judges all blocks by one rule, which gives one verdict at most.
func (j *judgement) eachBlock(p *compiled, r *compiledRule, a *expr.Activation) {
	v := p.verdict(r.Rule, filters.Matched, r.Action)
	for i := range j.blocks {
		if !r.scope.covers(&j.blocks[i]) {
			continue
		}
		matched, err := j.matches(r, a, i)
		if err != nil {
			j.verdicts = append(j.verdicts, p.failed(r.Rule, err))
			return
		}
		if !matched {
			continue
		}
		if v.Blocks++; v.Blocks == 1 {
			v.Pointer = j.blocks[i].Pointer
		}
		if !v.Observed {
			j.treat(i, r, &v)
		}
	}
	if v.Blocks > 0 {
		j.verdicts = append(j.verdicts, v)
	}
}

// matches judges block i by one rule, unless the rule has judged the same block before.
func (j *judgement) matches(r *compiledRule, a *expr.Activation, i int) (bool, error) {
	if r.number < 0 || j.set.memory == nil {
		return r.matches(a, &j.blocks[i])
	}
	known := j.recall(i)
	matched, asked := known.Matched(r.number)
	if asked {
		return matched, nil
	}
	matched, err := r.matches(a, &j.blocks[i])
	if err == nil {
		known.Keep(r.number, matched)
	}
	return matched, err
}

func (r *compiledRule) matches(a *expr.Activation, b *filters.Block) (bool, error) {
	a.Focus(b)
	matched, err := r.program.Eval(a)
	if err != nil || !matched || r.mask == nil {
		return matched, err
	}
	return r.mask.Matches(a, b)
}

// treat notes what is to be done with block i. Of several actions the highest is taken, and of several notices the first.
func (j *judgement) treat(i int, r *compiledRule, v *filters.Verdict) {
	if r.Action != filters.ActionRedact && r.Action != filters.ActionQuarantine {
		return
	}
	if j.treatments == nil {
		j.treatments = map[int]*filters.Treatment{}
	}
	t := j.treatments[i]
	if t == nil {
		t = &filters.Treatment{Block: i}
		j.treatments[i] = t
	}
	switch {
	case r.mask != nil:
		t.Masks = append(t.Masks, r.mask.Pattern())
	case t.Notice == "":
		t.Notice = v.Notice()
	}
	t.Action = max(t.Action, r.Action)
}

// concerns tells whether any rule of the policy looks at an operation: if none does, its conditions cost nothing.
func (p *compiled) concerns(operation string) bool {
	return slices.ContainsFunc(p.rules, func(r compiledRule) bool { return r.concerns(operation) })
}

// concernsAnswers tells whether any of them looks at its answer.
func (p *compiled) concernsAnswers(operation string) bool {
	return slices.ContainsFunc(p.rules, func(r compiledRule) bool { return r.concerns(operation) && (r.scope.answer || r.scope.blocks) })
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
		Message: r.Message,
	}
}

// decide sums verdicts up: the highest action wins, and the first verdict that asks for it decides. A verdict that is only observed,
// and a failure that is ignored, decide nothing.
func (j *judgement) decide() filters.Decision {
	d := filters.Decision{Verdicts: j.verdicts}
	for i := range d.Verdicts {
		v := &d.Verdicts[i]
		if v.Observed || v.Outcome == filters.Failed && v.Action == filters.ActionAllow {
			continue
		}
		if d.Deciding == nil || v.Action > d.Action {
			d.Action, d.Deciding = v.Action, v
		}
	}
	for _, i := range slices.Sorted(maps.Keys(j.treatments)) {
		d.Treatments = append(d.Treatments, *j.treatments[i])
	}
	return d
}
