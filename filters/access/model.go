package access

import (
	"regexp"
	"strings"

	"bartizan/filters/manifest"
)

// ModelKind is the kind of the documents that DecodeModels reads.
const ModelKind = "ModelAccess"

// ModelAccess is one document: who may use which models at which providers. Every field must be set as DecodeModels leaves it.
type ModelAccess struct {
	Name       string
	At         manifest.Position // of the name; only its File is needed
	Providers  []manifest.String // names; none: all
	Models     []manifest.String // names as requests write them, in which * stands for any characters
	Expression manifest.String   // about the caller; without text: everybody
	Reason     string            // for whoever is refused, such as whom to ask; may be empty
}

// modelSpec is the YAML of a ModelAccess.
type modelSpec struct {
	Position   manifest.Position `yaml:"-"`
	Providers  []manifest.String `yaml:"providers"`
	Models     []manifest.String `yaml:"models"`
	Expression manifest.String   `yaml:"expression"`
	Reason     string            `yaml:"reason"`
}

// modelName is what a name of a model may hold: providers, routers and Bedrock's ARNs use most of ASCII.
var modelName = regexp.MustCompile(`^[!-~]{1,512}$`)

// DecodeModels reads a document and checks all that can be checked without CEL and without the other documents.
func DecodeModels(doc *manifest.Document) (*ModelAccess, manifest.Errors) {
	var s modelSpec
	if errs := doc.Decode(&s); len(errs) > 0 {
		return nil, errs
	}
	var errs manifest.Errors
	if len(s.Models) == 0 {
		errs = append(errs, &manifest.Error{Position: s.Position, Message: "missing field", Text: "models", Hint: `name models; "*" means all of them`})
	}
	seen := map[string]manifest.Position{}
	for _, m := range s.Models {
		first, twice := seen[m.Value]
		seen[m.Value] = m.Position
		switch {
		case !modelName.MatchString(m.Value):
			errs = append(errs, m.Errorf("as requests write it, such as claude-haiku-5-5 or claude-*", "not the name of a model"))
		case twice:
			errs = append(errs, m.Errorf("the first is at "+first.String(), "second mention of this model"))
		}
	}
	if s.Expression.Position != (manifest.Position{}) && s.Expression.Value == "" {
		errs = append(errs, s.Expression.Errorf("leave it out to mean everybody", "an empty expression"))
	}
	if len(errs) > 0 {
		errs.Sort()
		return nil, errs
	}
	return &ModelAccess{
		Name: doc.Name, At: doc.NameText().Position, Providers: s.Providers, Models: s.Models, Expression: s.Expression, Reason: s.Reason,
	}, nil
}

// speaksOf tells whether the document is about a provider.
func (a *ModelAccess) speaksOf(provider string) bool {
	for _, p := range a.Providers {
		if p.Value == provider {
			return true
		}
	}
	return len(a.Providers) == 0
}

// names tells whether the document has a model in its list.
func (a *ModelAccess) names(model string) bool {
	for _, pattern := range a.Models {
		if matches(pattern.Value, model) {
			return true
		}
	}
	return false
}

// matches tells whether a name is what a pattern says, in which * stands for any characters, also none.
func matches(pattern, name string) bool {
	head, rest, wild := strings.Cut(pattern, "*")
	name, begins := strings.CutPrefix(name, head)
	if !wild || !begins {
		return begins && name == ""
	}
	for {
		middle, more, again := strings.Cut(rest, "*")
		if !again {
			return strings.HasSuffix(name, middle)
		}
		i := strings.Index(name, middle)
		if i < 0 {
			return false
		}
		name, rest = name[i+len(middle):], more
	}
}
