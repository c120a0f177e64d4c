package expr

import (
	"regexp"

	"bartizan/filters"
	"bartizan/filters/manifest"
	"bartizan/filters/redact"
)

// Mask is the regular expression (RE2) of a rule that redacts, with the price of its search.
type Mask struct {
	source manifest.String
	*pattern
}

// CompileMask compiles the pattern of a rule that redacts.
func CompileMask(source manifest.String) (*Mask, *manifest.Error) {
	p, err := newPattern(source.Value)
	switch {
	case err != nil:
		return nil, source.Errorf("the syntax is RE2's: https://github.com/google/re2/wiki/Syntax", "invalid regular expression: %v", err)
	case p.re.MatchString(""):
		return nil, source.Errorf("want something that is there, such as + in the place of *", "the regular expression matches nothing at all")
	}
	return &Mask{source, p}, nil
}

// Pattern is the regular expression.
func (m *Mask) Pattern() *regexp.Regexp { return m.re }

// Matches tells whether the mask finds something in b, at the expense of a. The error is an *[EvalError].
func (m *Mask) Matches(a *Activation, b *filters.Block) (bool, error) {
	if a.Spent() > MaxExchangeCost {
		return false, &EvalError{m.source.Position, "cost limit of the exchange exceeded"}
	}
	if !a.meter.pay(matchPrice(uint64(b.Data.Len()), m.size)) {
		return false, &EvalError{m.source.Position, "cost limit exceeded"}
	}
	return redact.Matches(b, m.re), nil
}
