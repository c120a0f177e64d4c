package stream

import "bartizan/filters"

// summing adds what a judge decides about an answer up, for the record.
type summing struct {
	filters.AnswerJudge
	sum *filters.Decision
}

// Judge asks the judge, and adds its decision.
func (s summing) Judge(x *filters.Exchange, stage filters.AnswerStage, blocks []filters.Block) filters.Decision {
	d := s.AnswerJudge.Judge(x, stage, blocks)
	s.sum.Merge(d)
	return d
}

// Expect asks the judge, and adds what it denies already.
func (s summing) Expect(x *filters.Exchange, b *filters.Block) filters.Outlook {
	o := s.AnswerJudge.Expect(x, b)
	if o.Deny != nil {
		s.sum.Merge(filters.Decision{Action: filters.ActionDeny, Verdicts: []filters.Verdict{*o.Deny}, Deciding: o.Deny})
	}
	return o
}
