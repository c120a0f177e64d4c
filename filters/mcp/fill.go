package mcp

import (
	"bartizan/filters"
)

// fill writes what holds once the message is known to be right.
func (m *request) fill(x *filters.Exchange, is method) {
	x.MCP.ToolUseID = m.meta.toolUseID
	x.MCP.Era = eraModern
	if !modern(x) {
		x.MCP.Era = eraLegacy
		setSession(x)
	}
	m.fillClient(x)
	if is.subject != ItemTool {
		x.MCP.Target = m.named(is)
	}
	if is.subject == ItemTool || is.subject == ItemPrompt {
		x.MCP.Arguments = m.arguments
	}
	m.fillBlocks(x, is)
}

func (m *request) fillClient(x *filters.Exchange) {
	client := m.meta.client
	if x.MCP.Method == methodInitialize {
		client = m.client
	}
	if client.name == "" {
		return
	}
	x.MCP.Client, x.MCP.ClientVersion = client.name, client.version
	x.Claimed.Client, x.Claimed.ClientVersion = client.name, client.version
}

// fillBlocks gives the blocks the name of what they are for. A model writes the arguments of a tool, a person those of a prompt.
func (m *request) fillBlocks(x *filters.Exchange, is method) {
	for _, b := range m.blocks {
		b.Name = m.named(is)
		if is.subject == ItemPrompt && b.Pointer == "/params/arguments" {
			b.Origin, b.Role = filters.OriginUser, string(filters.OriginUser)
		}
		x.Blocks = append(x.Blocks, b)
	}
}

// withhold takes the capabilities that are switched off for a server from what the client offers to it, so that it does not ask.
func (m *request) withhold(off []string) []filters.Edit {
	if m.method == methodInitialize {
		return m.offered.without(off)
	}
	return m.meta.offered.without(off)
}

// items are what the message uses, for the gate to decide.
func (m *request) items(is method) []Item {
	var items []Item
	switch is.subject {
	case "":
	case ItemResource:
		items = append(items, Item{Kind: ItemResource, URI: m.uri})
	case ItemCompletion:
		item := Item{Kind: ItemCompletion, Name: m.ref.name}
		if m.ref.kind == "ref/resource" {
			item.Name, item.URI = "", m.ref.uri
		}
		items = append(items, item)
	default:
		items = append(items, Item{Kind: is.subject, Name: m.named(is)})
	}
	for _, uri := range m.listen.resources {
		items = append(items, Item{Kind: ItemResource, URI: uri})
	}
	for _, id := range m.listen.tasks {
		items = append(items, Item{Kind: ItemTask, Name: id})
	}
	return items
}
