package policy

import (
	"bartizan/filters"
	"bartizan/filters/expr"
)

// answers judges the answer to one exchange by the policies whose matchConditions held for the request.
type answers struct {
	on        *surface
	policies  []*compiled
	operation string
}

var _ filters.AnswerJudge = (*answers)(nil)

// Judge decides by the rules that are about the stage.
func (a *answers) Judge(x *filters.Exchange, stage filters.AnswerStage, blocks []filters.Block) filters.Decision {
	j := judgement{set: a.on.set, operation: a.operation, blocks: blocks, stage: stage}
	base := a.on.env.NewAnswerActivation(x, blocks)
	for _, p := range a.policies {
		j.rules(p, base.For(p.env))
	}
	return j.decide()
}

// Expect asks the rules about blocks what follows without the block's content.
func (a *answers) Expect(x *filters.Exchange, b *filters.Block) filters.Outlook {
	var out filters.Outlook
	base := a.on.env.NewAnswerActivation(x, nil)
	for _, p := range a.policies {
		each := base.For(p.env).ForBlocks(p.env)
		for i := range p.rules {
			r := &p.rules[i]
			if r.concerns(a.operation) && r.scope.at(filters.AnswerPart) && r.scope.covers(b) {
				each.Expect(b)
				p.expect(&out, r, each)
			}
		}
	}
	return out
}

// expect adds what one rule says. An expression that fails is judged again with the content, and nothing passes before, since it may be
// the policy's will that it denies.
func (p *compiled) expect(out *filters.Outlook, r *compiledRule, a *expr.Activation) {
	matches, known, err := r.program.Foresee(a)
	if known && !matches {
		return
	}
	out.Content = true
	switch {
	case p.Mode == Observe:
	case err != nil:
		out.Hold = out.Hold || p.FailurePolicy == Fail
	case r.Action < filters.ActionRedact:
	case !known, r.Action == filters.ActionQuarantine:
		out.Hold = true
	case r.Action == filters.ActionRedact:
		out.Masks = append(out.Masks, r.mask.Pattern())
	case out.Deny == nil:
		v := p.verdict(r.Rule, filters.Matched, r.Action)
		v.Blocks = 1
		out.Deny = &v
	}
}

// at tells whether a rule is about what is judged at a stage; 0 is the request.
func (s scope) at(stage filters.AnswerStage) bool {
	switch stage {
	case filters.AnswerMessage:
		return s.answer || s.blocks
	case filters.AnswerBegins:
		return s.answer && !s.blocks && !s.end
	case filters.AnswerPart:
		return s.blocks
	case filters.AnswerEnds:
		return s.answer && !s.blocks && s.end
	default:
		return !s.answer
	}
}

// covers tells whether a rule about blocks is about this one.
func (s scope) covers(b *filters.Block) bool { return !s.calls || b.Origin == filters.OriginToolCall }
