package access

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"bartizan/filters"
	"bartizan/filters/expr"
	"bartizan/filters/manifest"
	"bartizan/filters/mcp"
	"bartizan/filters/pins"
)

// Scan says what comes of findings in definitions.
type Scan string

// The modes. Findings of severity high and above quarantine a definition, unless a pin approves it; the others are recorded.
const (
	ScanQuarantine Scan = "Quarantine" // the default
	ScanFlag       Scan = "Flag"       // all are only recorded
	ScanOff        Scan = "Off"
)

// Scans are the modes.
func Scans() []Scan { return []Scan{ScanQuarantine, ScanFlag, ScanOff} }

// Server is one McpServer of the policy repository.
type Server struct {
	Name      string
	About     filters.MCPServer
	Tools     map[string]filters.ToolAnnotations // what the registry vouches for
	VisibleTo manifest.String                    // an expression about the caller; without text: everybody
	Off       []string                           // capabilities, as in mcp.Server
	Origins   []string                           // as in mcp.Server
	MaxTTL    time.Duration
	Scan      Scan // empty: ScanQuarantine

	URL          string   // under which a provider may connect to it; empty: by ConnectorIDs alone
	ConnectorIDs []string // by which providers know it
	Scopes       []string // each of which a caller's token must have
}

// Documents are what a Registry is made of.
type Documents struct {
	Servers []Server
	Access  []*ToolAccess
	Pins    []*pins.Set
}

// Registry implements mcp.Registry. The zero Registry knows no server.
type Registry struct {
	servers map[string]*server
	names   names
	calls   *expr.Env
	callers *expr.Env
	memory  *Memory

	warnings manifest.Errors
}

var _ mcp.Registry = (*Registry)(nil)

// server is a Server with what other documents say of it.
type server struct {
	*Server
	visible *expr.Program // nil: to everybody
	access  map[mcp.ItemKind][]*compiled
	pins    *pins.Set // nil: it has none
}

// compiled is a ToolAccess with its program.
type compiled struct {
	*ToolAccess
	program *expr.Program
}

// later are the facts that only a call brings.
var later = []string{"mcp.arguments", "mcp.blocks", "mcp.tool_use_id", "request.id", "request.size", "request.time"}

// New compiles documents. It keeps them; they must not change afterwards. A nil memory is a new one. The errors are all of them,
// sorted; the registry is nil when there is one.
func New(docs Documents, memory *Memory) (*Registry, manifest.Errors) {
	if memory == nil {
		memory = NewMemory()
	}
	r := &Registry{servers: make(map[string]*server, len(docs.Servers)), memory: memory}
	var err error
	if r.calls, err = expr.NewEnv(filters.SurfaceMCP); err == nil {
		r.callers, err = expr.NewCallerEnv()
	}
	if err != nil {
		return nil, manifest.Errors{{Message: err.Error()}}
	}
	c := compiler{registry: r}
	for i := range docs.Servers {
		c.server(&docs.Servers[i])
	}
	for _, a := range docs.Access {
		c.access(a)
	}
	for _, p := range docs.Pins {
		c.pins(p)
	}
	if len(c.errs) > 0 {
		c.errs.Sort()
		return nil, c.errs
	}
	r.names = newNames(r.servers)
	for _, p := range docs.Pins {
		c.unpinned(p)
	}
	c.warnings.Sort()
	r.warnings = c.warnings
	return r, nil
}

// Warnings are what is allowed and hardly meant, sorted.
func (r *Registry) Warnings() manifest.Errors { return r.warnings }

type compiler struct {
	registry *Registry
	errs     manifest.Errors
	warnings manifest.Errors
}

func (c *compiler) server(s *Server) {
	s.Scan = cmp.Or(s.Scan, ScanQuarantine)
	out := &server{Server: s, access: map[mcp.ItemKind][]*compiled{}}
	if s.VisibleTo.Value != "" {
		program, bad := c.registry.callers.Compile(s.VisibleTo)
		if bad != nil {
			c.errs = append(c.errs, bad)
		}
		out.visible = program
	}
	c.registry.servers[s.Name] = out
}

func (c *compiler) access(a *ToolAccess) {
	for _, name := range a.Servers {
		c.known(name)
	}
	program, bad := c.registry.calls.CompilePartial(a.Expression, later)
	if bad != nil {
		c.errs = append(c.errs, bad)
		return
	}
	selected := false
	for _, s := range c.registry.servers {
		if !a.about(s.Server) {
			continue
		}
		selected = true
		for _, kind := range a.Kinds {
			s.access[kind] = append(s.access[kind], &compiled{a, program})
		}
	}
	if !selected && len(a.Servers) == 0 {
		c.warnings = append(c.warnings, &manifest.Error{Position: a.At, Text: a.Name, Message: "no McpServer has the labels that it selects"})
	}
}

// unpinned warns of tools that the registry vouches for and no pin approves: they cannot be called.
func (c *compiler) unpinned(p *pins.Set) {
	s := c.registry.servers[p.Server.Value]
	if !p.Pins(mcp.ItemTool) {
		return
	}
	for _, tool := range slices.Sorted(maps.Keys(s.Tools)) {
		if _, ok := p.Get(mcp.ItemTool, tool); !ok {
			c.warnings = append(c.warnings, &manifest.Error{
				Position: p.Server.Position, Text: tool, Message: "McpServer " + s.Name + " names a tool that no pin approves: it cannot be called",
				Hint: "`bartizan pin " + s.Name + "` approves what the server offers now",
			})
		}
	}
}

func (c *compiler) pins(p *pins.Set) {
	s := c.known(p.Server)
	if s == nil {
		return
	}
	if s.pins != nil {
		c.errs = append(c.errs, p.Server.Errorf("one document holds all pins of a server", "server %s has pins already, in %s", s.Name, s.pins.Name))
	}
	s.pins = p
}

// known finds a server that a document names.
func (c *compiler) known(name manifest.String) *server {
	s := c.registry.servers[name.Value]
	if s == nil {
		all := slices.Sorted(maps.Keys(c.registry.servers))
		c.errs = append(c.errs, name.Errorf(manifest.Suggest(name.Value, all), "no McpServer of this name"))
	}
	return s
}

// Tool is what the registry vouches for of a tool, and whether it names it.
func (r *Registry) Tool(name, tool string) (filters.ToolAnnotations, bool) {
	s := r.servers[name]
	if s == nil {
		return filters.ToolAnnotations{}, false
	}
	a, ok := s.Tools[tool]
	return a, ok
}

// Server is what the registry says of a server.
func (r *Registry) Server(name string) mcp.Server {
	s := r.servers[name]
	if s == nil {
		return mcp.Server{}
	}
	return mcp.Server{About: s.About, Off: s.Off, Origins: s.Origins, MaxTTL: s.MaxTTL, Scanned: s.Scan != ScanOff}
}

// Visible tells whether the caller of x, of whom no body was read yet, may know of a server. An expression that fails hides it; the
// error says why, and is for the record.
func (r *Registry) Visible(name string, x *filters.Exchange) (bool, error) {
	s := r.servers[name]
	switch {
	case s == nil:
		return false, nil
	case s.visible == nil:
		return true, nil
	}
	visible, err := s.visible.Eval(r.callers.NewActivation(x))
	if err != nil {
		return false, fmt.Errorf("visibleTo of McpServer %s: %w", name, err)
	}
	return visible, nil
}
