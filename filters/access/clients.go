package access

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"bartizan/filters/manifest"
)

// helper is a model that a known agent asks by itself, for titles, checks and routing, beside the one that a person chooses. Without it
// the agent stumbles, and the person reads of a model that they have never heard of.
type helper struct {
	agent    string
	dialects []string // of providers that the agent uses
	brand    string   // in the names of all its models
	family   string   // in the names of the models that serve
	model    string   // the one that it asks for today (2026-11)
	does     string
	hint     string
}

func helpers() []helper {
	const env = "or set %s in managed settings to one that is admitted"
	claude := []string{"anthropic", "bedrock"}
	return []helper{
		{"Claude Code", claude, "claude", "haiku", "claude-haiku-5-5", "titles", fmt.Sprintf(env, "ANTHROPIC_DEFAULT_HAIKU_MODEL")},
		{"Claude Code", claude, "claude", "sonnet", "claude-sonnet-5", "its own check of commands", fmt.Sprintf(env, "ANTHROPIC_DEFAULT_SONNET_MODEL")},
		{"Gemini CLI", []string{"gemini"}, "gemini", "flash-lite", "gemini-3.5-flash-lite", "the choice of a model", "it does so before every turn"},
	}
}

// warn looks for lists that are allowed and hardly meant: one that would break a known agent, and a provider of which nothing is left.
// A document's callers have what it names, and what the documents for everybody name.
func (m *Models) warn(providers map[string]string) {
	if len(m.access) == 0 {
		return
	}
	for _, provider := range slices.Sorted(maps.Keys(providers)) {
		var about, everybody []*admission
		for _, a := range m.access {
			if !a.speaksOf(provider) {
				continue
			}
			about = append(about, a)
			if a.program == nil {
				everybody = append(everybody, a)
			}
		}
		if len(about) == 0 {
			m.warnings = append(m.warnings, &manifest.Error{
				Position: m.access[0].At, Text: provider, Message: "no ModelAccess speaks of this Provider: nothing may be used there",
				Hint: "where there is any ModelAccess, it must admit every model",
			})
		}
		for _, a := range about {
			m.missing(a, append(everybody[:len(everybody):len(everybody)], a), provider, providers[provider])
		}
	}
	m.warnings.Sort()
	m.warnings = slices.CompactFunc(m.warnings, func(a, b *manifest.Error) bool { return *a == *b })
}

// missing warns of models that an agent will ask for, and that its callers have nowhere.
func (m *Models) missing(a *admission, all []*admission, provider, dialect string) {
	for _, h := range helpers() {
		at, branded := a.brand(h)
		if !branded || !slices.Contains(h.dialects, dialect) || slices.ContainsFunc(all, func(o *admission) bool { return o.serves(h) }) {
			continue
		}
		m.warnings = append(m.warnings, &manifest.Error{
			Position: at, Text: h.family,
			Message: fmt.Sprintf("%s asks a model of this family by itself, for %s, and nothing admits one at provider %s", h.agent, h.does, provider),
			Hint:    "add " + h.model + ", " + h.hint,
		})
	}
}

// brand finds the first model of a brand in the list.
func (a *ModelAccess) brand(h helper) (manifest.Position, bool) {
	for _, m := range a.Models {
		if strings.Contains(m.Value, h.brand) {
			return m.Position, true
		}
	}
	return manifest.Position{}, false
}

// serves tells whether the list has a model that does what the agent wants: the one of today, or another of its family.
func (a *ModelAccess) serves(h helper) bool {
	return a.names(h.model) || slices.ContainsFunc(a.Models, func(m manifest.String) bool { return strings.Contains(m.Value, h.family) })
}
