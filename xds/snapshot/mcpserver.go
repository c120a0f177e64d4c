package snapshot

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"

	"bartizan/filters"
	"bartizan/filters/manifest"
	"bartizan/xds/bundlepb"
	"bartizan/xds/envoyconf"
)

// serverSpec is the YAML of an McpServer.
type serverSpec struct {
	Position   manifest.Position `yaml:"-"`
	URL        manifest.String   `yaml:"url"`
	Credential *credentialSpec   `yaml:"credential"`
	Tools      []toolSpec        `yaml:"tools"`
}

type toolSpec struct {
	Position    manifest.Position `yaml:"-"`
	Name        manifest.String   `yaml:"name"`
	Annotations annotationsSpec   `yaml:"annotations"`
}

// annotationsSpec: a hint that is absent has the default of the MCP specification (schema.ts, ToolAnnotations).
type annotationsSpec struct {
	ReadOnly    *bool `yaml:"readOnlyHint"`
	Destructive *bool `yaml:"destructiveHint"`
	Idempotent  *bool `yaml:"idempotentHint"`
	OpenWorld   *bool `yaml:"openWorldHint"`
}

// toolName: the specification (2025-11-25, server/tools, Tool Names) has 1 to 128 of these characters.
var toolName = regexp.MustCompile(`^[A-Za-z0-9_./-]{1,128}$`)

// server is a checked McpServer.
type server struct {
	name     string
	upstream *envoyconf.Upstream
	path     string
	tools    []*bundlepb.McpTool
}

func (r *repository) addServer(doc *manifest.Document) {
	var spec serverSpec
	if errs := doc.Decode(&spec); len(errs) > 0 {
		r.report(errs...)
		return
	}
	c := checker{doc: doc}
	at := c.url(spec.URL, spec.Position)
	credential := c.credential(spec.Credential, "authorization", "Bearer ")
	r.servers = append(r.servers, &server{
		name:     doc.Name,
		upstream: at.upstream("mcp/"+doc.Name, credential, r.opt),
		path:     cmp.Or(at.path, "/"),
		tools:    c.tools(spec.Tools),
	})
	r.report(c.errs...)
}

func (c *checker) tools(specs []toolSpec) []*bundlepb.McpTool {
	var tools []*bundlepb.McpTool
	names := seen{}
	for _, t := range specs {
		switch {
		case isAbsent(t.Name):
			c.missing(t.Position, "name")
		case !toolName.MatchString(t.Name.Value):
			c.add(t.Name.Errorf("letters, digits, '_', '-', '.' and '/', at most 128", "not a tool name"))
		default:
			c.add(names.twice(t.Name, t.Name.Value, "tool of this name"))
		}
		tools = append(tools, &bundlepb.McpTool{
			Name:        t.Name.Value,
			ReadOnly:    t.Annotations.ReadOnly,
			Destructive: t.Annotations.Destructive,
			Idempotent:  t.Annotations.Idempotent,
			OpenWorld:   t.Annotations.OpenWorld,
		})
	}
	slices.SortFunc(tools, func(a, b *bundlepb.McpTool) int { return cmp.Compare(a.Name, b.Name) })
	return tools
}

func (s *server) routeName() string { return "mcp/" + s.name }

// route: all methods of the transport go to the one route; which of them are admitted is extproc's to say.
func (s *server) route() (*bundlepb.Route, envoyconf.Route) {
	methods := []string{http.MethodPost, http.MethodGet, http.MethodDelete}
	return &bundlepb.Route{Name: s.routeName(), Surface: string(filters.SurfaceMCP), Target: s.name},
		envoyconf.Route{Name: s.routeName(), Path: "/mcp/" + s.name, Methods: methods, Upstream: s.upstream, Rewrite: s.path}
}
