package access

import (
	"maps"
	"slices"

	"bartizan/filters/manifest"
	"bartizan/filters/mcp"
)

// Kind is the kind of the documents that Decode reads.
const Kind = "ToolAccess"

// ToolAccess is one document: who may use which items of which servers. Every field must be set as Decode leaves it.
type ToolAccess struct {
	Name       string
	At         manifest.Position // of the name; only its File is needed
	Servers    []manifest.String // names
	Labels     map[string]string // and servers that have all of these; nil: by name only
	Kinds      []mcp.ItemKind
	Expression manifest.String
	Reason     string // for whoever is refused; may be empty
}

// spec is the YAML of a ToolAccess.
type spec struct {
	Position   manifest.Position `yaml:"-"`
	Servers    []manifest.String `yaml:"servers"`
	Selector   *selectorSpec     `yaml:"selector"`
	Kinds      []manifest.String `yaml:"kinds"`
	Expression manifest.String   `yaml:"expression"`
	Reason     string            `yaml:"reason"`
}

// selectorSpec is Kubernetes' label selector, as far as it is needed.
type selectorSpec struct {
	Position    manifest.Position `yaml:"-"`
	MatchLabels map[string]string `yaml:"matchLabels"`
}

// kindNames are the words of documents. Templates are listed apart and read as resources: one word closes both ways.
var kindNames = map[string][]mcp.ItemKind{
	"tools": {mcp.ItemTool}, "prompts": {mcp.ItemPrompt}, "resources": {mcp.ItemResource, mcp.ItemResourceTemplate},
	"completions": {mcp.ItemCompletion}, "tasks": {mcp.ItemTask},
}

// Kinds are the kinds of items that a document may speak of.
func Kinds() []mcp.ItemKind {
	return slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Values(kindNames))...)))
}

// Decode reads a document and checks all that can be checked without CEL and without the other documents.
func Decode(doc *manifest.Document) (*ToolAccess, manifest.Errors) {
	var s spec
	if errs := doc.Decode(&s); len(errs) > 0 {
		return nil, errs
	}
	var errs manifest.Errors
	missing := func(field, hint string) {
		errs = append(errs, &manifest.Error{Position: s.Position, Message: "missing field", Text: field, Hint: hint})
	}
	out := &ToolAccess{Name: doc.Name, At: doc.NameText().Position, Servers: s.Servers, Expression: s.Expression, Reason: s.Reason}
	switch {
	case s.Selector != nil && len(s.Selector.MatchLabels) == 0:
		errs = append(errs, &manifest.Error{
			Position: s.Selector.Position, Message: "missing field", Text: "matchLabels", Hint: "name at least one label; to mean all servers, give all a label",
		})
	case s.Selector != nil:
		out.Labels = s.Selector.MatchLabels
	case len(s.Servers) == 0:
		missing("servers", "name servers, or select them by labels")
	}
	if s.Expression.Value == "" {
		missing("expression", "")
	}
	out.Kinds = []mcp.ItemKind{mcp.ItemTool}
	if len(s.Kinds) > 0 {
		out.Kinds = nil
	}
	for _, k := range s.Kinds {
		kinds, ok := kindNames[k.Value]
		switch {
		case !ok:
			errs = append(errs, k.Errorf(manifest.Suggest(k.Value, slices.Sorted(maps.Keys(kindNames))), "unknown kind of item"))
		case slices.Contains(out.Kinds, kinds[0]):
			errs = append(errs, k.Errorf("", "second mention of this kind"))
		}
		out.Kinds = append(out.Kinds, kinds...)
	}
	if len(errs) > 0 {
		errs.Sort()
		return nil, errs
	}
	return out, nil
}

// about tells whether the document speaks of a server.
func (a *ToolAccess) about(s *Server) bool {
	if slices.ContainsFunc(a.Servers, func(name manifest.String) bool { return name.Value == s.Name }) {
		return true
	}
	for key, value := range a.Labels {
		if got, ok := s.About.Labels[key]; !ok || got != value {
			return false
		}
	}
	return len(a.Labels) > 0
}
