package anthropic

import (
	"bytes"
	"maps"
	"regexp"
	"slices"
	"strings"

	"bartizan/filters"
)

// toolName is the name of a tool for rules: what belongs to an MCP server or to a toolset stands behind the name of that.
func toolName(of, name string) string {
	if of == "" {
		return name
	}
	return of + "/" + name
}

// definition is what one entry of tools[] says.
type definition struct {
	filters.Tool
	server  string // mcp_toolset
	model   string // advisor
	members members
}

// members are the switches of a toolset: for all of its tools, and for some of them.
type members struct {
	off  bool            // by default
	each map[string]bool // in no order; false: off
}

// tool reads one entry of tools[]. The caller's own tools have type "custom" or none; with any other type the provider brings
// the tool, and the request switches it on: that is a declaration.
func (r *reader) tool() {
	t := definition{Tool: filters.Tool{Type: "custom"}}
	first, mark := len(r.Blocks), r.Mark()
	block := filters.Block{Origin: filters.OriginToolDefinition}
	for name := range r.Object() {
		switch string(name) {
		case "type":
			if !r.Null() {
				t.Type = r.String()
			}
		case "name":
			t.Name = r.String()
		case "description":
			if !r.Null() {
				r.AddText(block)
			}
		case "input_schema", "input_examples":
			r.AddJSON(block)
		case "mcp_server_name":
			t.server = string(r.MaybeText())
		case "model":
			t.model = string(r.MaybeText())
		case "default_config", "configs":
			r.configs(&t.members, string(name))
		}
	}
	if r.Err() != nil {
		return
	}
	t.Pointer = r.Pointer()
	if t.Type != "custom" || len(r.Blocks) == first {
		r.AddRest(first, mark, block)
	}
	for i := first; i < len(r.Blocks); i++ {
		r.Blocks[i].Name = t.Name
	}
	r.Tool(t.Tool)
	if t.Type != "custom" {
		r.provided(&t)
	}
}

// configs reads {enabled} for all tools of a toolset, or {NAME: {enabled}} for some.
func (r *reader) configs(m *members, member string) {
	switch {
	case r.Kind() != '{':
	case member == "default_config":
		m.off = !r.enabled()
	default:
		m.each = map[string]bool{}
		for name := range r.Object() {
			m.each[string(name)] = r.enabled()
		}
	}
}

// enabled reads {enabled}, which is true where it is absent.
func (r *reader) enabled() bool {
	on := true
	if r.Kind() != '{' {
		r.Skip()
		return on
	}
	for name := range r.Object() {
		if string(name) == "enabled" && !r.Null() {
			on = r.Bool()
		}
	}
	return on
}

// provided declares a tool that the provider brings: an MCP toolset by its server, any other by its type; and the model that
// an advisor asks, since no model rule would see it otherwise. The members of a toolset that the request names are tools too.
func (r *reader) provided(t *definition) {
	if t.Type == "mcp_toolset" {
		r.Declare(filters.Declaration{Kind: filters.DeclaresMCPToolset, Name: t.server, Tools: t.members.only(), Pointer: t.Pointer})
		return
	}
	r.Declare(filters.Declaration{Kind: filters.DeclaresServerTool, Name: t.Type, Pointer: t.Pointer})
	if t.model != "" {
		r.Declare(filters.Declaration{Kind: filters.DeclaresAdvisor, Name: t.model, Pointer: t.Pointer + "/model"})
	}
	toolset, _, is := strings.Cut(t.Type, "_toolset_")
	if !is {
		return
	}
	for _, name := range t.members.on() {
		r.Tool(filters.Tool{Name: toolName(toolset, name), Type: t.Type, Pointer: t.Pointer})
	}
}

// only are the tools that a toolset is limited to; nil: it is not.
func (m members) only() []string {
	if !m.off {
		return nil
	}
	return append([]string{}, m.on()...)
}

// on are the tools that are switched on by their names, sorted.
func (m members) on() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(m.each)) {
		if m.each[name] {
			names = append(names, name)
		}
	}
	return names
}

// Claude Code names tools whose definitions it has not sent yet in a text: after a line that says so, one name a line (seen of 2.1;
// older ones put the list into a tag).
var (
	listings = [][]byte{[]byte("deferred tools"), []byte("available-deferred-tools"), []byte("Deferred tools")}
	listed   = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)
)

// prose is how many lines may stand between the line that announces a list and the list.
const prose = 3

// listed collects the tools that a client names to the model in texts of its own. What a person writes is none.
func (r *reader) listed(blocks []filters.Block) {
	for i := range blocks {
		b := &blocks[i]
		if b.MediaType != "text/plain" || b.Origin != filters.OriginSystem && !bytes.HasPrefix(b.Data.Bytes(), []byte("<system-reminder>")) {
			continue
		}
		for _, mark := range listings {
			if _, list, found := bytes.Cut(b.Data.Bytes(), mark); found {
				r.list(list, b.Pointer)
				break
			}
		}
	}
}

// list reads the names behind the mark of a listing: on its line behind a colon, or on the lines that follow.
func (r *reader) list(text []byte, pointer string) {
	line, text, _ := bytes.Cut(text, []byte("\n"))
	if names, inline := bytes.CutPrefix(line, []byte(":")); inline {
		for name := range bytes.SplitSeq(names, []byte(",")) {
			r.name(name, pointer)
		}
	}
	for begun, skipped := false, 0; len(text) > 0; {
		line, text, _ = bytes.Cut(text, []byte("\n"))
		switch {
		case r.name(line, pointer):
			begun = true
		case begun || skipped == prose:
			return
		default:
			skipped++
		}
	}
}

// name collects a tool by its name, if it is one.
func (r *reader) name(text []byte, pointer string) bool {
	text = bytes.TrimSpace(text)
	if !listed.Match(text) {
		return false
	}
	r.Named(filters.Tool{Name: string(text), Type: filters.ToolNamed, Pointer: pointer})
	return true
}
