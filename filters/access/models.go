package access

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"bartizan/filters"
	"bartizan/filters/expr"
	"bartizan/filters/manifest"
)

// What verdicts of this package name in the place of a policy's rule. No Policy and no rule can have these names.
const (
	ruleModels     = "NotAdmitted"
	ruleConnectors = "NotRegistered"
)

// listOperation lists models, in every dialect that can.
const listOperation = "models.list"

// Models decides which models a caller may use, by all ModelAccess documents. The zero Models admits all of them. It is immutable and
// safe for concurrent use.
type Models struct {
	access  []*admission
	callers *expr.Env

	warnings manifest.Errors
}

// admission is a ModelAccess with its program.
type admission struct {
	*ModelAccess
	program *expr.Program // nil: for everybody
}

// NewModels compiles documents. It keeps them; they must not change afterwards. providers are the dialects of all providers by their
// names, against which documents are checked; nil: they were checked before. The errors are all of them, sorted; Models is nil when
// there is one.
func NewModels(docs []*ModelAccess, providers map[string]string) (*Models, manifest.Errors) {
	callers, err := expr.NewCallerEnv()
	if err != nil {
		return nil, manifest.Errors{{Message: err.Error()}}
	}
	m := &Models{callers: callers}
	var errs manifest.Errors
	for _, doc := range docs {
		one := &admission{ModelAccess: doc}
		if doc.Expression.Value != "" {
			var bad *manifest.Error
			if one.program, bad = callers.Compile(doc.Expression); bad != nil {
				errs = append(errs, bad)
			}
		}
		for _, p := range doc.Providers {
			if _, known := providers[p.Value]; !known && providers != nil {
				errs = append(errs, p.Errorf(manifest.Suggest(p.Value, slices.Sorted(maps.Keys(providers))), "no Provider of this name"))
			}
		}
		m.access = append(m.access, one)
	}
	if len(errs) > 0 {
		errs.Sort()
		return nil, errs
	}
	m.warn(providers)
	return m, nil
}

// Warnings are what is allowed and hardly meant, sorted.
func (m *Models) Warnings() manifest.Errors { return m.warnings }

// Judge decides about all models that the request x names: each must be admitted. Where no document is there, all are.
func (m *Models) Judge(x *filters.Exchange) filters.Decision {
	if x.LLM == nil || len(m.access) == 0 {
		return filters.Decision{}
	}
	q := m.ask(x)
	if x.Route.Operation == listOperation {
		return q.failures(x.LLM.Provider)
	}
	for _, model := range x.LLM.Models {
		if ok, err := q.admits(x.LLM.Provider, model); !ok {
			return deny(ModelKind, ruleModels, filters.SeverityMedium, m.refusal(x.LLM.Provider, model, err), err)
		}
	}
	return filters.Decision{}
}

// Shown returns what tells whether the caller of x may use a model of its provider, for a list of models; nil: he may use all of them.
func (m *Models) Shown(x *filters.Exchange) func(model string) bool {
	if len(m.access) == 0 {
		return nil
	}
	q := m.ask(x)
	return func(model string) bool {
		admitted, _ := q.admits(x.Route.Target, model) // what fails was said when the request was judged
		return admitted
	}
}

// refusal is for a person, who may be one that has never heard of the model: agents ask some by themselves.
func (m *Models) refusal(provider, model string, failure error) string {
	model = shorten(model)
	text := fmt.Sprintf("the model %q is not among those that you may use at provider %s.", model, provider)
	if failure != nil {
		text = fmt.Sprintf("whether you may use the model %q at provider %s could not be found out.", model, provider)
	}
	for _, a := range m.access {
		if a.Reason != "" && a.speaksOf(provider) {
			return text + " " + a.Reason
		}
	}
	return text
}

// question asks for one caller; each expression is evaluated at most once.
type question struct {
	*Models
	caller *expr.Activation
	about  map[*admission]bool // whether the document is about the caller
	failed error
}

func (m *Models) ask(x *filters.Exchange) *question {
	return &question{Models: m, about: map[*admission]bool{}, caller: m.callers.NewActivation(x)}
}

// admits: one document that admits is enough.
func (q *question) admits(provider, model string) (bool, error) {
	for _, a := range q.access {
		if a.speaksOf(provider) && a.names(model) && q.isAbout(a) {
			return true, nil
		}
	}
	return false, q.failed
}

func (q *question) isAbout(a *admission) bool {
	about, asked := q.about[a]
	if asked || a.program == nil {
		return about || a.program == nil
	}
	about, err := a.program.Eval(q.caller)
	if err != nil {
		q.failed = errors.Join(q.failed, fmt.Errorf("%s %s: %w", ModelKind, a.Name, err))
	}
	q.about[a] = about && err == nil
	return q.about[a]
}

// failures flags a list that may lack models since it could not be found out whether they are the caller's.
func (q *question) failures(provider string) filters.Decision {
	for _, a := range q.access {
		if a.speaksOf(provider) {
			q.isAbout(a)
		}
	}
	if q.failed == nil {
		return filters.Decision{}
	}
	return decision(filters.Verdict{
		Policy: ModelKind, Rule: ruleModels, Action: filters.ActionFlag, Severity: filters.SeverityMedium,
		Reason: "whether a document admits its models to you could not be found out, so that the list is without them.",
	}, q.failed)
}

// deny is a decision of this package, in the form of a rule's.
func deny(kind, rule string, severity filters.Severity, reason string, failure error) filters.Decision {
	return decision(filters.Verdict{Policy: kind, Rule: rule, Action: filters.ActionDeny, Severity: severity, Reason: reason}, failure)
}

func decision(v filters.Verdict, failure error) filters.Decision {
	v.Outcome = filters.Matched
	if failure != nil {
		v.Outcome, v.Error = filters.Failed, failure.Error()
	}
	return filters.Decision{Action: v.Action, Verdicts: []filters.Verdict{v}, Deciding: &v}
}
