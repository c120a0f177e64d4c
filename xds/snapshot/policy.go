package snapshot

import (
	"bartizan/filters/manifest"
	"bartizan/filters/policy"
	"bartizan/xds/bundlepb"
)

// bundlePolicies writes policies as the bundle carries them, in their order, which is that of the rules when actions are equal.
func bundlePolicies(policies []*policy.Policy) []*bundlepb.Policy {
	var out []*bundlepb.Policy
	for _, p := range policies {
		b := &bundlepb.Policy{
			Name: p.Name, File: p.At.File, Surface: string(p.Surface), FailurePolicy: string(p.FailurePolicy), Mode: string(p.Mode),
		}
		for _, m := range p.MatchConditions {
			b.MatchConditions = append(b.MatchConditions, expression(m))
		}
		for _, v := range p.Variables {
			b.Variables = append(b.Variables, &bundlepb.Variable{Name: v.Name, Expression: expression(v.Expression)})
		}
		for _, r := range p.Rules {
			rule := &bundlepb.Rule{
				Name: r.Name, On: r.On, Expression: expression(r.Expression), Action: r.Action.String(), Severity: string(r.Severity), Reason: r.Reason,
				Message: r.Message,
			}
			if r.Pattern.Value != "" {
				rule.Pattern = expression(r.Pattern)
			}
			b.Rules = append(b.Rules, rule)
		}
		out = append(out, b)
	}
	return out
}

func expression(s manifest.String) *bundlepb.Expression {
	return &bundlepb.Expression{Text: s.Value, Line: int32(s.Line), Column: int32(s.Column), Indent: int32(s.Indent)}
}
