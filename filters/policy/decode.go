package policy

import (
	"fmt"
	"regexp"
	"slices"

	"bartizan/filters"
	"bartizan/filters/manifest"
)

// spec is the YAML of a policy.
type spec struct {
	Surface         *manifest.String  `yaml:"surface"`
	FailurePolicy   *manifest.String  `yaml:"failurePolicy"`
	Mode            *manifest.String  `yaml:"mode"`
	MatchConditions []manifest.String `yaml:"matchConditions"`
	Variables       []variableSpec    `yaml:"variables"`
	Rules           []ruleSpec        `yaml:"rules"`
}

type variableSpec struct {
	Place      manifest.Position `yaml:"-"`
	Name       *manifest.String  `yaml:"name"`
	Expression *manifest.String  `yaml:"expression"`
}

type ruleSpec struct {
	Place      manifest.Position `yaml:"-"`
	Name       *manifest.String  `yaml:"name"`
	On         []manifest.String `yaml:"on"`
	Expression *manifest.String  `yaml:"expression"`
	Pattern    *manifest.String  `yaml:"pattern"`
	Action     *manifest.String  `yaml:"action"`
	As         *manifest.String  `yaml:"as"`
	Severity   *manifest.String  `yaml:"severity"`
	Reason     *manifest.String  `yaml:"reason"`
}

// Decode reads a document of kind Policy and checks all that can be checked without CEL. The errors are all of them, sorted; the
// policy is nil when there is one.
func Decode(doc *manifest.Document) (*Policy, manifest.Errors) {
	if doc.Kind != Kind {
		return nil, manifest.Errors{doc.KindText().Errorf("", "not a Policy")}
	}
	var s spec
	d := decoder{errs: doc.Decode(&s)}
	if len(d.errs) > 0 {
		return nil, d.errs // what is missing may be what was misspelt
	}
	at := doc.NameText().Position
	p := &Policy{Name: doc.Name, At: at, MatchConditions: s.MatchConditions}
	p.Surface = enum(&d, s.Surface, at, "surface", []filters.Surface{filters.SurfaceLLM, filters.SurfaceMCP}, "")
	p.FailurePolicy = enum(&d, s.FailurePolicy, at, "failurePolicy", []FailurePolicy{Fail, Ignore}, Fail)
	p.Mode = enum(&d, s.Mode, at, "mode", []Mode{Enforce, Observe}, Enforce)
	p.Variables = d.variables(s.Variables)
	p.Rules = d.rules(s.Rules, p.Surface)
	d.counts(at, &s)
	if len(d.errs) > 0 {
		d.errs.Sort()
		return nil, d.errs
	}
	return p, nil
}

type decoder struct{ errs manifest.Errors }

func (d *decoder) report(e *manifest.Error) {
	if e != nil && len(d.errs) < manifest.MaxErrors {
		d.errs = append(d.errs, e)
	}
}

func (d *decoder) missing(at manifest.Position, field, hint string) {
	d.report(&manifest.Error{Position: at, Message: "missing field", Text: field, Hint: hint})
}

// required returns the text of a field, and reports one that is absent or empty.
func (d *decoder) required(s *manifest.String, at manifest.Position, field string) manifest.String {
	if s == nil || s.Value == "" {
		d.missing(at, field, "")
		return manifest.String{Position: at}
	}
	return *s
}

// enum reads one of known; absent means fallback, and is an error where that is empty.
func enum[T ~string](d *decoder, s *manifest.String, at manifest.Position, field string, known []T, fallback T) T {
	if s == nil {
		if fallback == "" {
			d.missing(at, field, "")
		}
		return fallback
	}
	if slices.Contains(known, T(s.Value)) {
		return T(s.Value)
	}
	d.report(s.Errorf(manifest.Suggest(s.Value, words(known)), "unknown %s", field))
	return fallback
}

func words[T ~string](known []T) []string {
	out := make([]string, len(known))
	for i, k := range known {
		out[i] = string(k)
	}
	return out
}

func (d *decoder) counts(at manifest.Position, s *spec) {
	for _, c := range []struct {
		what       string
		count, max int
	}{
		{"rules", len(s.Rules), MaxRules},
		{"variables", len(s.Variables), MaxVariables},
		{"matchConditions", len(s.MatchConditions), MaxMatchConditions},
	} {
		if c.count > c.max {
			d.report(&manifest.Error{Position: at, Message: fmt.Sprintf("%d %s are more than %d", c.count, c.what, c.max)})
		}
	}
	if len(s.Rules) == 0 {
		d.missing(at, "rules", "a policy needs at least one rule")
	}
}

// identifier is what CEL can name after "variables."; its reserved words (language definition, section Syntax) are excluded below.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

var reserved = regexp.MustCompile(`^(as|break|const|continue|else|false|for|function|if|import|in|let|loop|package|namespace|null|return|true|var|void|while)$`)

func (d *decoder) variables(specs []variableSpec) []Variable {
	seen := map[string]manifest.Position{}
	var out []Variable
	for _, s := range specs {
		name := d.required(s.Name, s.Place, "name")
		expression := d.required(s.Expression, s.Place, "expression")
		if name.Value != "" && (!identifier.MatchString(name.Value) || reserved.MatchString(name.Value)) {
			d.report(name.Errorf("letters, digits and '_', and no word of CEL", "not a valid variable name"))
		}
		d.unique(seen, name)
		out = append(out, Variable{name.Value, expression})
	}
	return out
}

func (d *decoder) rules(specs []ruleSpec, surface filters.Surface) []Rule {
	seen := map[string]manifest.Position{}
	var out []Rule
	for _, s := range specs {
		name := d.required(s.Name, s.Place, "name")
		if name.Value != "" {
			d.report(name.CheckLabel())
		}
		d.unique(seen, name)
		out = append(out, Rule{
			Name: name.Value, On: d.on(s.On, surface), Expression: d.required(s.Expression, s.Place, "expression"),
			Action: d.action(&s), Message: d.message(&s, surface), Pattern: d.pattern(&s), Severity: enum(d, s.Severity, s.Place, "severity", severities(), filters.SeverityMedium), Reason: d.reason(&s),
		})
	}
	return out
}

func (d *decoder) unique(seen map[string]manifest.Position, name manifest.String) {
	if first, twice := seen[name.Value]; twice && name.Value != "" {
		d.report(name.Errorf(fmt.Sprintf("first on line %d", first.Line), "duplicate name"))
		return
	}
	seen[name.Value] = name.Position
}

func (d *decoder) on(specs []manifest.String, surface filters.Surface) []string {
	var out []string
	for _, s := range specs {
		if known := operations(surface); surface != "" && !slices.Contains(known, s.Value) {
			d.report(s.Errorf(manifest.Suggest(s.Value, known), "unknown operation of surface %s", surface))
		}
		out = append(out, s.Value)
	}
	return out
}

func (d *decoder) action(s *ruleSpec) filters.Action {
	name := d.required(s.Action, s.Place, "action")
	action, ok := filters.ParseAction(name.Value)
	if !ok && name.Value != "" {
		d.report(name.Errorf(manifest.Suggest(name.Value, []string{"allow", "flag", "redact", "quarantine", "deny"}), "unknown action"))
	}
	return action
}

// How a refusal is told.
const (
	asError   = "error" // the default
	asMessage = "message"
)

// message reads whether a refusal is told as a message of the model.
func (d *decoder) message(s *ruleSpec, surface filters.Surface) bool {
	switch {
	case s.As == nil:
		return false
	case !s.asks(filters.ActionDeny):
		d.report(s.As.Errorf("", "as is for the action deny"))
	case s.As.Value != asError && s.As.Value != asMessage:
		d.report(s.As.Errorf(manifest.Suggest(s.As.Value, []string{asError, asMessage}), "unknown way to tell a refusal"))
	case s.As.Value == asMessage && surface == filters.SurfaceMCP:
		d.report(s.As.Errorf("leave it out", "only a model answers with a message"))
	}
	return s.As.Value == asMessage
}

func (d *decoder) reason(s *ruleSpec) string {
	switch {
	case s.Reason != nil && s.Reason.Value != "":
		return s.Reason.Value
	case s.asks(filters.ActionDeny):
		d.missing(s.Place, "reason", "whoever is refused reads it")
	case s.asks(filters.ActionQuarantine):
		d.missing(s.Place, "reason", "it stands in the notice that replaces the block")
	}
	return ""
}

// pattern reads what a rule masks: redact needs it, nothing else has a use for it.
func (d *decoder) pattern(s *ruleSpec) manifest.String {
	switch {
	case s.asks(filters.ActionRedact):
		return d.required(s.Pattern, s.Place, "pattern")
	case s.Pattern != nil:
		d.report(s.Pattern.Errorf("a condition belongs into expression, as in block.text.matches(...)", "pattern is for the action redact"))
	}
	return manifest.String{}
}

func (s *ruleSpec) asks(a filters.Action) bool {
	return s.Action != nil && s.Action.Value == a.String()
}

func severities() []filters.Severity {
	return []filters.Severity{
		filters.SeverityInformational, filters.SeverityLow, filters.SeverityMedium, filters.SeverityHigh, filters.SeverityCritical,
	}
}
