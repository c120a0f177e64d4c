package request

import (
	"bytes"
	"strings"

	"bartizan/filters"
)

// Router reads a member that is none of a provider's, but of servers that speak its dialect before others (routers, gateways), and says no
// to all others: other models, plugins, and what is written over the rest of the request. own reads a member of the dialect.
func (b *Builder) Router(name string, own func(name string)) bool {
	switch name {
	case "models", "fallbacks":
		b.otherModels()
	case "plugins": // web search, files, and others by their ids
		b.plugins()
	case "extra_body", "extra_headers", "extra_query":
		b.extra(name, own)
		b.Declare(filters.Declaration{Kind: filters.DeclaresExtraBody, Name: name, Pointer: b.Pointer()})
	default:
		return false
	}
	return true
}

// otherModels reads [name or {model}, …].
func (b *Builder) otherModels() {
	if b.Kind() != '[' {
		b.Skip()
		return
	}
	for range b.Array() {
		d := filters.Declaration{Kind: filters.DeclaresFallback}
		if b.Kind() == '"' {
			d.Name = b.String()
		} else {
			for name := range b.Object() {
				if string(name) == "model" {
					d.Name = b.String()
				}
			}
		}
		d.Pointer = b.Pointer()
		b.Declare(d)
	}
}

// plugins reads [{id, …}].
func (b *Builder) plugins() {
	if b.Kind() != '[' {
		b.Skip()
		return
	}
	for range b.Array() {
		d := filters.Declaration{Kind: filters.DeclaresServerTool}
		if b.Kind() == '{' {
			for name := range b.Object() {
				if string(name) == "id" {
					d.Name = "plugin/" + string(b.MaybeText())
				}
			}
		} else {
			b.Skip()
		}
		d.Pointer = b.Pointer()
		b.Declare(d)
	}
}

// extra reads what a server may write over the rest of the body: what it names and switches on counts, and it is one block.
func (b *Builder) extra(field string, own func(name string)) {
	if field != "extra_body" || b.Kind() != '{' {
		b.Skip()
		return
	}
	first, mark := len(b.Blocks), b.Mark()
	for name := range b.Object() {
		switch member := string(name); member {
		case "model":
			b.Model(string(b.MaybeText()))
		case "models", "fallbacks", "plugins", "tools", "functions", "web_search_options", "mcp_servers", "container":
			own(member)
		}
	}
	b.AddRest(first, mark, filters.Block{Role: "user", Origin: filters.OriginUser})
}

// Suffix declares what routers read behind the name of a model. One switch searches the web; the others choose among providers, and are
// left to whoever admits the model by its whole name.
func (b *Builder) Suffix() {
	for _, model := range append([]string{b.LLM.Model}, b.LLM.Models...) {
		if strings.HasSuffix(model, ":online") {
			b.Declare(filters.Declaration{Kind: filters.DeclaresServerTool, Name: "online", Pointer: "/model"})
			return
		}
	}
}

// AddFormat collects the form that the answer is to have: the names and descriptions of its schema are read by the model.
func (b *Builder) AddFormat() {
	n := len(b.Blocks)
	if b.AddJSON(filters.Block{Role: "user", Origin: filters.OriginUser}); len(b.Blocks) > n {
		b.Format(b.Blocks[n].Data.Bytes())
	}
}

// AddSome collects a value as JSON, unless there is nothing in it.
func (b *Builder) AddSome(block filters.Block) {
	n := len(b.Blocks)
	if b.AddJSON(block); len(b.Blocks) == n {
		return
	}
	switch data := b.Blocks[n].Data.Bytes(); data[0] {
	case 'n':
		b.Blocks = b.Blocks[:n]
	case '[', '{':
		if len(bytes.TrimSpace(data[1:len(data)-1])) == 0 {
			b.Blocks = b.Blocks[:n]
		}
	}
}
