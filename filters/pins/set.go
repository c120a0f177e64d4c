package pins

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"bartizan/filters/manifest"
	"bartizan/filters/mcp"
)

// Kind is the kind of the documents of this package.
const Kind = "McpPins"

// Set is the approved definitions of one server.
type Set struct {
	Name   string          // of the document
	Server manifest.String // the McpServer
	Items  map[mcp.ItemKind]map[string]Pin
}

// Pin is one approved definition.
type Pin struct {
	Digest  Digest
	Excerpt string // for people; nothing is concluded from it
}

// Pins tells whether the definitions of a kind are pinned: then what has no pin is not approved.
func (s *Set) Pins(kind mcp.ItemKind) bool {
	if s == nil {
		return false
	}
	_, pinned := s.Items[kind]
	return pinned
}

// Kinds are those that are pinned, in the order in which a document has them.
func (s *Set) Kinds() []mcp.ItemKind {
	return slices.DeleteFunc(Kinds(), func(k mcp.ItemKind) bool { return !s.Pins(k) })
}

// Kinds are the kinds of items that can be pinned.
func Kinds() []mcp.ItemKind {
	return []mcp.ItemKind{mcp.ItemInstructions, mcp.ItemTool, mcp.ItemPrompt, mcp.ItemResourceTemplate, mcp.ItemResource}
}

// Names are those of the items of a kind, sorted.
func (s *Set) Names(kind mcp.ItemKind) []string { return slices.Sorted(maps.Keys(s.Items[kind])) }

// spec is the YAML of a Set. A list that is there and empty approves nothing of its kind.
type spec struct {
	Position          manifest.Position `yaml:"-"`
	Server            manifest.String   `yaml:"server"`
	Instructions      *[]pinSpec        `yaml:"instructions"`
	Tools             *[]pinSpec        `yaml:"tools"`
	Prompts           *[]pinSpec        `yaml:"prompts"`
	ResourceTemplates *[]pinSpec        `yaml:"resourceTemplates"`
	Resources         *[]pinSpec        `yaml:"resources"`
}

type pinSpec struct {
	Position manifest.Position `yaml:"-"`
	Name     manifest.String   `yaml:"name"`
	SHA256   manifest.String   `yaml:"sha256"`
	Excerpt  string            `yaml:"excerpt"`
}

func (s *spec) lists() map[mcp.ItemKind]*[]pinSpec {
	return map[mcp.ItemKind]*[]pinSpec{
		mcp.ItemInstructions: s.Instructions, mcp.ItemTool: s.Tools, mcp.ItemPrompt: s.Prompts,
		mcp.ItemResourceTemplate: s.ResourceTemplates, mcp.ItemResource: s.Resources,
	}
}

// Decode reads a document of kind McpPins. Whether there is such a server is not its concern.
func Decode(doc *manifest.Document) (*Set, manifest.Errors) {
	var s spec
	if errs := doc.Decode(&s); len(errs) > 0 {
		return nil, errs
	}
	var errs manifest.Errors
	if s.Server.Value == "" {
		errs = append(errs, &manifest.Error{Position: s.Position, Message: "missing field", Text: "server"})
	}
	out := &Set{Name: doc.Name, Server: s.Server, Items: map[mcp.ItemKind]map[string]Pin{}}
	for kind, list := range s.lists() {
		if list != nil {
			items, bad := decodePins(*list)
			out.Items[kind], errs = items, append(errs, bad...)
		}
	}
	if len(errs) > 0 {
		errs.Sort()
		return nil, errs
	}
	return out, nil
}

func decodePins(list []pinSpec) (map[string]Pin, manifest.Errors) {
	items := make(map[string]Pin, len(list))
	first := map[string]manifest.Position{}
	var errs manifest.Errors
	for _, p := range list {
		at, twice := first[p.Name.Value]
		digest, err := hex.DecodeString(p.SHA256.Value)
		switch {
		case p.Name.Value == "":
			errs = append(errs, &manifest.Error{Position: p.Position, Message: "missing field", Text: "name"})
		case twice:
			errs = append(errs, p.Name.Errorf(fmt.Sprintf("the first is at %v", at), "second pin of this name"))
		case err != nil || len(digest) != len(Digest{}):
			errs = append(errs, p.SHA256.Errorf("`bartizan pin` writes it", "want the 64 hex digits of a SHA-256"))
		default:
			items[p.Name.Value] = Pin{Digest(digest), p.Excerpt}
		}
		first[p.Name.Value] = p.Name.Position
	}
	return items, errs
}

// Get is the pin of an item.
func (s *Set) Get(kind mcp.ItemKind, name string) (Pin, bool) {
	if s == nil {
		return Pin{}, false
	}
	p, ok := s.Items[kind][name]
	return p, ok
}
