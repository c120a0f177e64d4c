package mcp

import (
	"bartizan/filters"
)

// listKinds are the members of results that list what a server offers.
var listKinds = map[string]ItemKind{
	"tools": ItemTool, "prompts": ItemPrompt, "resources": ItemResource, "resourceTemplates": ItemResourceTemplate, "tasks": ItemTask,
}

var definitionNames = []string{"name", "uri", "uriTemplate", "taskId", "description", "inputSchema", "title"}

// list is one list of a message, where its elements stand, and which of them are taken out.
type list struct {
	at   []span
	drop []bool
}

// list reads a list, and asks the gate about each element. A list of nothing is written as an empty array, and not as null, which
// clients do not take.
func (m *serverMessage) list(kind ItemKind) {
	if m.Null() {
		start, end := m.Range()
		m.lists = append(m.lists, list{})
		m.edits = append(m.edits, filters.Edit{Start: start, End: end, With: []byte("[]")})
		return
	}
	if !m.want('[', m.badEnvelope, "a list must be an array") {
		return
	}
	var l list
	for range m.Array() {
		mark, first := m.Mark(), len(m.blocks)
		shown := m.definition(kind)
		if !shown {
			m.blocks = m.blocks[:first] // what nobody sees needs no judgement
		}
		l.at, l.drop = append(l.at, m.since(mark)), append(l.drop, !shown)
	}
	m.lists = append(m.lists, l)
}

// definition reads one element of a list and says whether the caller may see it. Its description becomes a block of text, since that is
// what a model is told; the whole of it becomes one of JSON, since descriptions hide in schemas and annotations as well.
func (m *serverMessage) definition(kind ItemKind) bool {
	if m.Kind() != '{' {
		m.Skip()
		return false
	}
	item, mark, ambiguous := Item{Kind: kind}, m.Mark(), false
	outer := len(m.blocks)
	m.add(filters.Block{Origin: filters.OriginToolDefinition, Data: filters.Plain([]byte{})}) // keeps the place of the whole, which comes before its parts
	for name := range m.Object() {
		switch string(name) {
		case "name", "taskId":
			item.Name = m.claim()
		case "uri", "uriTemplate":
			item.URI = m.claimUpTo(maxURI)
		case "description":
			m.partOf(filters.OriginToolDefinition)
		default:
			_, alike := lookalike(name, definitionNames)
			ambiguous = ambiguous || alike
		}
	}
	item.Definition = m.Since(mark)
	m.complete(outer, item, mark)
	a := Admission{Quarantined: "member names that differ only in case"}
	if !ambiguous {
		a = m.gate().List(item)
	}
	note(m.x, item, a)
	return a.Visible && a.Quarantined == ""
}

// complete fills in the block of a definition, and names all blocks of it.
func (m *serverMessage) complete(outer int, item Item, mark int) {
	for i := outer; i < len(m.blocks); i++ {
		b := &m.blocks[i]
		b.Name = item.label()
		if i == outer {
			b.MediaType, b.Data, b.Pointer = "application/json", filters.Plain(item.Definition), m.Pointer()
			b.Start, b.End = m.RangeSince(mark)
		}
	}
}

// shown counts what was offered, and what of it the caller sees.
func (l list) shown() (n int) {
	for _, dropped := range l.drop {
		if !dropped {
			n++
		}
	}
	return n
}
