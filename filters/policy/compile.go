package policy

import (
	"fmt"
	"regexp"
	"slices"

	"bartizan/filters"
	"bartizan/filters/expr"
	"bartizan/filters/manifest"
	"bartizan/filters/recall"
)

// Set is compiled policies. The zero Set has none and allows everything that reaches it.
type Set struct {
	surfaces   map[filters.Surface]*surface
	numbered   int            // rules that have a number
	memory     *recall.Memory // of what they said of blocks; nil: none
	generation uint64         // of this set in memory
}

// Remember keeps what is concluded about blocks in m, which other sets may share, and looks there first. It must come before the first
// judgement.
func (s *Set) Remember(m *recall.Memory) {
	s.memory, s.generation = m, m.Generation()
	for _, on := range s.surfaces {
		on.env.Remember(m)
	}
}

type surface struct {
	set      *Set
	env      *expr.Env // without variables
	policies []*compiled
}

// compiled is a policy with its programs.
type compiled struct {
	*Policy
	env        *expr.Env // with the policy's variables
	conditions []*expr.Program
	rules      []compiledRule
}

type compiledRule struct {
	*Rule
	program *expr.Program
	mask    *expr.Mask // redact
	scope   scope
	number  int // of a rule about blocks that says the same of the same block always, in its set; -1: it does not
}

// scope is what a rule is about, which follows from what it reads.
type scope struct {
	answer bool // reads response or call: about the answer
	blocks bool // reads block or call: about each block; of the request too, if it reads nothing of the answer
	calls  bool // reads call: about tool calls
	end    bool // reads what is known when all of the answer has come
}

func scopeOf(p *expr.Program) scope {
	reads := func(what expr.Reads) bool { return p.Reads()&what != 0 }
	return scope{
		answer: reads(expr.ReadsResponse | expr.ReadsCall), blocks: reads(expr.ReadsBlock | expr.ReadsCall),
		calls: reads(expr.ReadsCall), end: reads(expr.ReadsEnd),
	}
}

// Compile type checks and prices every expression. It keeps the policies, which must not change afterwards. The errors are all of
// them, sorted; the set is nil when there is one.
func Compile(policies []*Policy) (*Set, manifest.Errors) {
	c := compiler{set: &Set{surfaces: map[filters.Surface]*surface{}}, seen: map[string]manifest.Position{}}
	for _, p := range policies {
		c.policy(p)
	}
	if len(c.errs) > 0 {
		c.errs.Sort()
		return nil, c.errs
	}
	return c.set, nil
}

type compiler struct {
	set  *Set
	seen map[string]manifest.Position
	errs manifest.Errors
}

func (c *compiler) report(at manifest.Position, format string, args ...any) {
	at.Line, at.Column = max(at.Line, 1), max(at.Column, 1)
	c.errs = append(c.errs, &manifest.Error{Position: at, Message: fmt.Sprintf(format, args...)})
}

func (c *compiler) policy(p *Policy) {
	if first, twice := c.seen[p.Name]; twice {
		c.report(p.At, "policy %q is there already, at %v", p.Name, first)
	}
	c.seen[p.Name] = p.At
	if wrong := p.unknown(); wrong != "" {
		c.report(p.At, "policy %q: unknown %s", p.Name, wrong)
		return
	}
	s, err := c.surface(p.Surface)
	if err != nil {
		c.report(p.At, "policy %q: %v", p.Name, err)
		return
	}
	s.policies = append(s.policies, c.expressions(p, s.env))
}

// unknown names a value that this version does not know: a bundle may come from a newer control server, and what is not understood
// must not be taken for something else.
func (p *Policy) unknown() string {
	switch {
	case p.FailurePolicy != Fail && p.FailurePolicy != Ignore:
		return fmt.Sprintf("failurePolicy %q", p.FailurePolicy)
	case p.Mode != Enforce && p.Mode != Observe:
		return fmt.Sprintf("mode %q", p.Mode)
	}
	for _, r := range p.Rules {
		if r.Action < filters.ActionAllow || r.Action > filters.ActionDeny {
			return fmt.Sprintf("action of rule %q", r.Name)
		}
		if r.Message && (r.Action != filters.ActionDeny || p.Surface != filters.SurfaceLLM) {
			return fmt.Sprintf("way to tell of rule %q", r.Name)
		}
		if !slices.Contains(severities(), r.Severity) {
			return fmt.Sprintf("severity %q of rule %q", r.Severity, r.Name)
		}
	}
	return ""
}

func (c *compiler) surface(name filters.Surface) (*surface, error) {
	if s := c.set.surfaces[name]; s != nil {
		return s, nil
	}
	env, err := expr.NewEnv(name)
	if err != nil {
		return nil, err
	}
	c.set.surfaces[name] = &surface{set: c.set, env: env}
	return c.set.surfaces[name], nil
}

func (c *compiler) expressions(p *Policy, env *expr.Env) *compiled {
	out := &compiled{Policy: p, env: env}
	var broken []string // variables that did not compile: what reads them is not reported again
	for _, v := range p.Variables {
		if mentions(v.Expression, broken) {
			broken = append(broken, v.Name)
			continue
		}
		program, bad := out.env.CompileValue(v.Expression)
		if bad != nil {
			c.errs = append(c.errs, bad)
			broken = append(broken, v.Name)
			continue
		}
		next, err := out.env.Declare(v.Name, program)
		if err != nil {
			c.report(v.Expression.Position, "%v", err)
			continue
		}
		out.env = next
	}
	for _, m := range p.MatchConditions {
		program := c.expression(out.env, m, broken)
		if program != nil && program.Reads()&(expr.ReadsBlock|expr.ReadsCall|expr.ReadsResponse) != 0 {
			c.errs = append(c.errs, m.Errorf("put it into the expression of a rule", "matchConditions are about the request, and cannot read block, call or response"))
		}
		out.conditions = append(out.conditions, program)
	}
	for i := range p.Rules {
		r := &p.Rules[i]
		out.rules = append(out.rules, c.rule(r, c.expression(out.env, r.Expression, broken)))
	}
	return out
}

// rule holds a rule's action against what its expression reads.
func (c *compiler) rule(r *Rule, program *expr.Program) compiledRule {
	out := compiledRule{Rule: r, program: program, number: -1}
	if program == nil {
		return out
	}
	out.scope = scopeOf(program)
	if program.OnlyBlock() {
		out.number = c.set.numbered
		c.set.numbered++
	}
	switch {
	case !out.scope.blocks && (r.Action == filters.ActionRedact || r.Action == filters.ActionQuarantine):
		c.errs = append(c.errs, r.Expression.Errorf("read block, as in block.origin == 'tool_result'", "the action %s is for blocks, and the expression reads none", r.Action))
	case out.scope.blocks && out.scope.end:
		c.errs = append(c.errs, r.Expression.Errorf("write a rule about response alone", "a block of an answer is judged before stop_reason and error are known"))
	case (out.scope.blocks || out.scope.answer) && program.Reads()&expr.ReadsContent != 0:
		c.errs = append(c.errs, r.Expression.Errorf("put what it says of the request into matchConditions, or read block instead",
			"the request's blocks and arguments are not kept until the answer is judged"))
	}
	if r.Action == filters.ActionRedact {
		out.mask = c.mask(r)
	}
	return out
}

func (c *compiler) mask(r *Rule) *expr.Mask {
	if r.Pattern.Value == "" { // of a bundle: a document's was required
		c.report(r.Expression.Position, "rule %q: the action redact needs a pattern", r.Name)
		return nil
	}
	mask, bad := expr.CompileMask(r.Pattern)
	if bad != nil {
		c.errs = append(c.errs, bad)
	}
	return mask
}

func (c *compiler) expression(env *expr.Env, source manifest.String, broken []string) *expr.Program {
	if mentions(source, broken) {
		return nil
	}
	program, bad := env.Compile(source)
	if bad != nil {
		c.errs = append(c.errs, bad)
	}
	return program
}

func mentions(source manifest.String, variables []string) bool {
	return slices.ContainsFunc(variables, func(name string) bool {
		return regexp.MustCompile(`\bvariables\s*\.\s*` + regexp.QuoteMeta(name) + `\b`).MatchString(source.Value)
	})
}
