package access

import (
	"fmt"
	"strings"

	"bartizan/filters"
	"bartizan/filters/mcp"
)

// inspect looks at the definition of an item that would be listed.
func (g *gate) inspect(item mcp.Item, a *mcp.Admission) {
	if item.Kind == mcp.ItemTask || item.Kind == mcp.ItemCompletion {
		return
	}
	seen := g.registry.memory.look(item.Kind, item.Definition)
	name := nameOf(item)
	switch approved, why := g.approved(item.Kind, name, seen); {
	case seen.err != nil:
		quarantine(a, "McpServer "+g.server.Name, seen.err.Error())
	case seen.name != name:
		quarantine(a, "McpServer "+g.server.Name, "its definition has another name")
	case g.twice(item.Kind, name):
		quarantine(a, "McpServer "+g.server.Name, "the list has this name twice")
		return // what the first was found to be stays
	case why != "":
		quarantine(a, "McpPins "+g.server.pins.Name, why)
	default:
		g.scan(item, seen, approved, a)
	}
	g.registry.memory.note(g.server.Name, item.Kind, name, sighting{digest: seen.digest, bad: a.Quarantined, mirrors: seen.mirrors})
}

// quarantine keeps a definition from everybody.
func quarantine(a *mcp.Admission, by, why string) {
	a.Visible, a.Allowed, a.Policy, a.Quarantined = false, false, by, why
}

func (g *gate) twice(kind mcp.ItemKind, name string) bool {
	key := item{kind, name}
	if g.listed[key] {
		return true
	}
	if g.listed == nil {
		g.listed = map[item]bool{}
	}
	g.listed[key] = true
	return false
}

// approved compares a definition with its pin. Where the kind is pinned and the definition is not the approved one, why says so.
func (g *gate) approved(kind mcp.ItemKind, name string, seen *looked) (approved bool, why string) {
	if !g.server.pins.Pins(kind) {
		return false, ""
	}
	pin, pinned := g.server.pins.Items[kind][name]
	switch {
	case !pinned:
		return false, "no pin approves it"
	case pin.Digest != seen.digest:
		return false, "its definition is not the one that was approved"
	}
	return true, ""
}

// scan looks for what must not reach a model. What a person has approved is only recorded.
func (g *gate) scan(item mcp.Item, seen *looked, approved bool, a *mcp.Admission) {
	if g.server.Scan == ScanOff {
		return
	}
	a.Findings = seen.findings
	if more := g.registry.names.shadows(g.server, item, seen.words); len(more) > 0 {
		a.Findings = append(append([]filters.Finding(nil), seen.findings...), more...)
	}
	if approved || g.server.Scan != ScanQuarantine {
		return
	}
	var grave []string
	for _, f := range a.Findings {
		if Grave(f) && len(grave) < 3 {
			grave = append(grave, f.String())
		}
	}
	if len(grave) > 0 {
		quarantine(a, "McpServer "+g.server.Name, "its definition holds what must not reach a model: "+strings.Join(grave, ", "))
	}
}

// recall decides about an item of which a call gives only the name.
func (g *gate) recall(item mcp.Item, a *mcp.Admission) {
	if item.Kind == mcp.ItemTask || item.Kind == mcp.ItemCompletion {
		return
	}
	name := nameOf(item)
	last, seen, full := g.registry.memory.recall(g.server.Name, item.Kind, name)
	a.Mirrors = last.mirrors
	pins := g.server.pins
	if !pins.Pins(item.Kind) {
		switch {
		case seen && last.bad != "" && g.server.Scan == ScanQuarantine:
			quarantine(a, "McpServer "+g.server.Name, last.bad)
		case full && g.server.Scan == ScanQuarantine:
			quarantine(a, "McpServer "+g.server.Name, "too many definitions of this server are in quarantine to tell them apart")
		}
		return
	}
	switch pin, pinned := pins.Items[item.Kind][name]; {
	case !pinned:
		quarantine(a, "McpPins "+pins.Name, fmt.Sprintf("no pin approves this %s", item.Kind))
	case seen && last.bad != "" && last.digest != pin.Digest:
		quarantine(a, "McpPins "+pins.Name, "its definition, when it was last listed, was not the one that was approved")
	}
}
