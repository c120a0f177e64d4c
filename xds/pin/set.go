package pin

import (
	"fmt"
	"slices"
	"strings"

	"bartizan/filters/access"
	"bartizan/filters/manifest"
	"bartizan/filters/mcp"
	"bartizan/filters/pins"
)

// Set makes the pins of what a server offers. A definition that cannot be compared is an error: the gate would never let it pass.
func (o Offer) Set(server string) (*pins.Set, error) {
	set := &pins.Set{Name: server, Server: manifest.String{Value: server}, Items: map[mcp.ItemKind]map[string]pins.Pin{}}
	for kind, definitions := range o {
		items := make(map[string]pins.Pin, len(definitions))
		for i, raw := range definitions {
			d, err := pins.Read(kind, raw)
			if err != nil {
				return nil, fmt.Errorf("%s %d: %w", kind, i+1, err)
			}
			if _, twice := items[d.Name]; twice {
				return nil, fmt.Errorf("%s %s: the server lists it twice", kind, d.Name)
			}
			items[d.Name] = pins.Pin{Digest: d.Digest, Excerpt: pins.Excerpt(kind, raw)}
		}
		set.Items[kind] = items
	}
	return set, nil
}

// Finding is something in a definition that a person should look at.
type Finding struct {
	Kind  mcp.ItemKind `json:"kind"`
	Name  string       `json:"name"`
	Found string       `json:"found"`
	Grave bool         `json:"grave"` // it must not reach a model
}

// Findings look through all definitions, as the gate does.
func (o Offer) Findings() []Finding {
	var out []Finding
	for _, kind := range pins.Kinds() {
		for _, raw := range o[kind] {
			d, err := pins.Read(kind, raw)
			if err != nil {
				continue // Set reports it
			}
			for _, f := range access.Examine(kind, raw) {
				out = append(out, Finding{kind, d.Name, f.String(), access.Grave(f)})
			}
		}
	}
	return out
}

// Change is one difference between the pins of before and of now.
type Change struct {
	What string       `json:"what"` // added, changed, removed
	Kind mcp.ItemKind `json:"kind"`
	Name string       `json:"name"`
	Diff []string     `json:"diff,omitempty"` // lines of the excerpt, with - and +
}

// Diff compares pins. A nil set has none.
func Diff(before, now *pins.Set) []Change {
	var out []Change
	for _, kind := range pins.Kinds() {
		var names []string
		for _, s := range []*pins.Set{before, now} {
			if s != nil {
				names = append(names, s.Names(kind)...)
			}
		}
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			was, had := before.Get(kind, name)
			is, has := now.Get(kind, name)
			if had && has && was.Digest == is.Digest {
				continue
			}
			what := map[[2]bool]string{{false, true}: "added", {true, false}: "removed", {true, true}: "changed"}[[2]bool{had, has}]
			out = append(out, Change{what, kind, name, lines(was.Excerpt, is.Excerpt)})
		}
		if before != nil && before.Pins(kind) != now.Pins(kind) && len(names) == 0 {
			out = append(out, Change{What: "changed", Kind: kind, Name: "(whether the kind is pinned)"})
		}
	}
	return out
}

// lines shows which lines are gone and which are new. Two excerpts are short, and their order rarely changes.
func lines(before, now string) []string {
	if before == now {
		return nil
	}
	old, fresh := strings.Split(before, "\n"), strings.Split(now, "\n")
	var out []string
	for _, line := range old {
		if line != "" && !slices.Contains(fresh, line) {
			out = append(out, "- "+line)
		}
	}
	for _, line := range fresh {
		if line != "" && !slices.Contains(old, line) {
			out = append(out, "+ "+line)
		}
	}
	return out
}
