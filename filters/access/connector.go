package access

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"bartizan/filters"
	"bartizan/filters/expr"
	"bartizan/filters/mcp"
)

// Connectors says which MCP servers a request may have its provider connect to. Those calls do not pass the gateway.
type Connectors string

// The modes.
const (
	ConnectorsRegistered Connectors = "Registered" // the default: those of McpServer documents, as the caller may use them
	ConnectorsNone       Connectors = "None"       // none
	ConnectorsAny        Connectors = "Any"        // all, unless a rule says otherwise
)

// ConnectorModes are the modes.
func ConnectorModes() []Connectors {
	return []Connectors{ConnectorsRegistered, ConnectorsNone, ConnectorsAny}
}

// Connectors decides about the MCP servers that the request x declares to its provider, as the gate of each server decides about calls:
// who may not see a server may not have a provider see it; a tool that not every call may use, or that no pin approves, must not be
// offered. Where that limits tools, the declaration has to name those that it wants.
func (r *Registry) Connectors(x *filters.Exchange, mode Connectors) filters.Decision {
	if x.LLM == nil || mode == ConnectorsAny {
		return filters.Decision{}
	}
	asked := newAsked(x.LLM)
	for i := range x.LLM.Declarations {
		d := &x.LLM.Declarations[i]
		var refusal string
		var failure error
		switch d.Kind {
		case filters.DeclaresMCPServer:
			refusal, failure = r.connect(x, d, mode, asked)
		case filters.DeclaresMCPToolset:
			if !asked.servers[d.Name] {
				refusal = fmt.Sprintf("the toolset of MCP server %q belongs to no server that the request declares.", shorten(d.Name))
			}
		}
		if refusal != "" {
			decision := deny("McpServer", ruleConnectors, filters.SeverityHigh, refusal, failure)
			decision.Deciding.Pointer, decision.Verdicts[0].Pointer = d.Pointer, d.Pointer
			return decision
		}
	}
	return filters.Decision{}
}

// asked is what a request declares of MCP servers, by their names: a batch may declare thousands, and the same ones again and again.
type asked struct {
	servers  map[string]bool
	toolsets map[string][][]string // the lists of their tools
	admitted map[string]bool       // servers that have been, by their names in the registry and in the request; only those that have toolsets
}

func newAsked(llm *filters.LLM) asked {
	a := asked{map[string]bool{}, map[string][][]string{}, map[string]bool{}}
	for i := range llm.Declarations {
		switch d := &llm.Declarations[i]; d.Kind {
		case filters.DeclaresMCPServer:
			a.servers[d.Name] = true
		case filters.DeclaresMCPToolset:
			a.toolsets[d.Name] = append(a.toolsets[d.Name], d.Tools)
		}
	}
	return a
}

// connect says why the provider must not connect to a server; empty: it may.
func (r *Registry) connect(x *filters.Exchange, d *filters.Declaration, mode Connectors, asked asked) (refusal string, failure error) {
	if mode == ConnectorsNone {
		return fmt.Sprintf("the MCP server %q is to be used from the provider's side, which is not done here: reach MCP servers through the gateway.", shorten(d.Name)), nil
	}
	lists, toolsets := asked.toolsets[d.Name]
	if !toolsets {
		lists = [][]string{d.Tools}
	}
	for _, s := range r.declared(d) {
		visible, err := r.Visible(s.Name, x)
		if err != nil {
			failure = err
		}
		if !visible || !s.scoped(x.Identity) {
			continue
		}
		same := s.Name + "/" + d.Name // no name of a server has a slash
		if asked.admitted[same] {
			return "", nil
		}
		for _, tools := range lists {
			if refusal, failure = r.offer(x, s, tools); refusal != "" {
				return refusal, failure
			}
		}
		asked.admitted[same] = toolsets
		return "", nil
	}
	return fmt.Sprintf("the MCP server %q, which the provider is to connect to, is none of the registered ones that you may use: have it registered, or use one through the gateway.",
		shorten(d.Name)), failure
}

// declared are the servers that a declaration means: by its URL, or by the provider's id. One that has both must mean one server.
func (r *Registry) declared(d *filters.Declaration) []*server {
	var found []*server
	at := address(d.URL)
	for _, s := range r.servers {
		byURL := d.URL == "" || s.URL != "" && at != "" && address(s.URL) == at
		byID := d.Connector == "" || slices.Contains(s.ConnectorIDs, d.Connector)
		if byURL && byID && (d.URL != "" || d.Connector != "") {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b *server) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// address is a URL in one form; empty where it holds more than an address and a path, or is none.
func address(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" || u.Hostname() == "" {
		return ""
	}
	port := u.Port()
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return ""
	case port == "" && u.Scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port) + path
}

// scoped tells whether a caller with a token has the scopes that the server asks for.
func (s *server) scoped(who filters.Identity) bool {
	return who.Method != filters.IdentityByToken || !slices.ContainsFunc(s.Scopes, func(scope string) bool { return !slices.Contains(who.Scopes, scope) })
}

// offer says why tools of a server must not be offered; nil: all that it has.
func (r *Registry) offer(x *filters.Exchange, s *server, tools []string) (refusal string, failure error) {
	if len(s.access[mcp.ItemTool]) == 0 && !s.pins.Pins(mcp.ItemTool) {
		return "", nil
	}
	if tools == nil {
		return fmt.Sprintf("not all tools of MCP server %s may be used: name those that the model is to have, as allowed_tools, "+
			"or under configs of its mcp_toolset with default_config.enabled false.", s.Name), nil
	}
	asked := *x
	asked.LLM, asked.MCP = nil, &filters.MCP{Server: s.Name, About: s.About}
	g := r.gate(&asked)
	for _, tool := range tools {
		if a := g.whatever(mcp.Item{Kind: mcp.ItemTool, Name: tool}); !a.Allowed {
			if a.Error != "" {
				failure = fmt.Errorf("%s", a.Error)
			}
			return fmt.Sprintf("the tool %q of MCP server %s cannot be used from the provider's side, where its arguments are not seen: use it through the gateway.",
				shorten(tool), s.Name), failure
		}
	}
	return "", nil
}

// whatever decides about a call of which nothing but the item is known, nor will be: it is admitted only if it is with any arguments.
func (g *gate) whatever(item mcp.Item) mcp.Admission {
	a := mcp.Admission{Visible: true, Allowed: true}
	if access, spoken := g.server.access[item.Kind]; spoken {
		g.ask(item)
		a = decide(access, func(p *expr.Program) (bool, error) {
			admits, known, err := p.EvalPartial(g.partial)
			return admits && known, err
		})
	}
	if a.Visible {
		g.recall(item, &a)
	}
	return a
}

// shorten bounds a foreign name in a message.
func shorten(name string) string {
	const limit = 128 // bytes
	return name[:min(len(name), limit)]
}
