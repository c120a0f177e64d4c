package snapshot

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"bartizan/filters"
	"bartizan/filters/access"
	"bartizan/filters/manifest"
	"bartizan/filters/mcp"
	"bartizan/xds/bundlepb"
	"bartizan/xds/envoyconf"
)

// serverSpec is the YAML of an McpServer.
type serverSpec struct {
	Position   manifest.Position `yaml:"-"`
	URL        manifest.String   `yaml:"url"`
	Credential *credentialSpec   `yaml:"credential"`
	Scopes     []manifest.String `yaml:"scopes"` // each of which a caller's token must have
	Tools      []toolSpec        `yaml:"tools"`

	Transport      manifest.String   `yaml:"transport"`      // streamable-http, the default and the only one
	Owner          manifest.String   `yaml:"owner"`          // who answers for it
	Classification manifest.String   `yaml:"classification"` // of the data that it gives, in the words of the repository
	VisibleTo      manifest.String   `yaml:"visibleTo"`      // CEL about identity and request; absent: everybody
	Off            []manifest.String `yaml:"off"`            // sampling, elicitation, roots
	Origins        []manifest.String `yaml:"origins"`        // of web pages that may use it, as https://app.example.com
	ListTTL        *time.Duration    `yaml:"listTTL"`        // how long clients may keep a list; default 1m
	Scan           manifest.String   `yaml:"scan"`           // Quarantine (default), Flag, Off
	ConnectorIDs   []manifest.String `yaml:"connectorIds"`   // by which model providers know it; with them, url may be left out
}

// Bounds of listTTL.
const (
	defaultListTTL = time.Minute
	maxListTTL     = 24 * time.Hour
)

// originForm is an origin as a browser serializes it (RFC 6454, section 6.2): no path, no default port that is left out anyway.
var originForm = regexp.MustCompile(`^https?://[a-z0-9.-]+(:[0-9]{1,5})?$`)

// connectorID is how a provider names a server that it connects to: a connector, or a tunnel.
var connectorID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// maxWord is how long an owner or a classification may be: records and rules carry them.
const maxWord = 128

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
	name        string
	upstream    *envoyconf.Upstream // nil: only providers reach it
	path        string
	passthrough bool
	scopes      []manifest.String
	tools       []*bundlepb.McpTool
	file        string
	registered  access.Server // what the registry says; of its tools only the names
}

func (r *repository) addServer(doc *manifest.Document) {
	var spec serverSpec
	if errs := doc.Decode(&spec); len(errs) > 0 {
		r.unread = true
		r.report(errs...)
		return
	}
	c := checker{doc: doc}
	c.oneOf(spec.Transport, "", "streamable-http")
	credential := c.credential(spec.Credential, "authorization", "Bearer ")
	c.scopes(spec.Scopes)
	s := &server{
		name:        doc.Name,
		passthrough: spec.Credential != nil && spec.Credential.Passthrough,
		scopes:      spec.Scopes,
		tools:       c.tools(spec.Tools),
		file:        doc.NameText().File,
		registered:  c.registered(doc, spec),
	}
	if isAbsent(spec.URL) && len(spec.ConnectorIDs) > 0 {
		if spec.Credential != nil {
			c.add(&manifest.Error{Position: spec.Credential.Position, Message: "a credential goes to a url, and there is none", Text: "credential"})
		}
	} else {
		at := c.url(spec.URL, spec.Position)
		s.upstream, s.path = at.upstream("mcp/"+doc.Name, credential, r.opt), cmp.Or(at.path, "/")
	}
	r.servers = append(r.servers, s)
	r.report(c.errs...)
}

// registered is what the registry says of the server itself.
func (c *checker) registered(doc *manifest.Document, spec serverSpec) access.Server {
	s := access.Server{
		Name: doc.Name, VisibleTo: spec.VisibleTo, MaxTTL: defaultListTTL,
		About: filters.MCPServer{Labels: doc.Labels, Owner: c.word(spec.Owner), Classification: c.word(spec.Classification)},
		Scan:  access.Scan(c.oneOf(spec.Scan, string(access.ScanQuarantine), words(access.Scans())...)),
	}
	if !isAbsent(spec.VisibleTo) && spec.VisibleTo.Value == "" {
		c.add(spec.VisibleTo.Errorf("leave it out to show the server to everybody", "an empty expression"))
	}
	if spec.ListTTL != nil {
		if s.MaxTTL = *spec.ListTTL; s.MaxTTL < 0 || s.MaxTTL > maxListTTL {
			c.add(&manifest.Error{Position: spec.Position, Message: "listTTL is not from 0s to 24h", Text: s.MaxTTL.String()})
		}
	}
	s.Tools = map[string]filters.ToolAnnotations{}
	for _, t := range spec.Tools {
		s.Tools[t.Name.Value] = filters.ToolAnnotations{}
	}
	s.URL, s.Scopes = spec.URL.Value, values(spec.Scopes)
	ids := seen{}
	for _, id := range spec.ConnectorIDs {
		if !connectorID.MatchString(id.Value) {
			c.add(id.Errorf("as in connector_googledrive", "not the id of a connector"))
		}
		c.add(ids.twice(id, id.Value, "mention of this id"))
		s.ConnectorIDs = append(s.ConnectorIDs, id.Value)
	}
	names := seen{}
	for _, off := range spec.Off {
		c.add(names.twice(off, off.Value, "mention of this capability"))
		s.Off = append(s.Off, c.oneOf(off, "", mcp.Capabilities()...))
	}
	slices.Sort(s.Off)
	for _, origin := range spec.Origins {
		if !originForm.MatchString(origin.Value) {
			c.add(origin.Errorf("as browsers write it: https://app.example.com", "not an origin"))
		}
		s.Origins = append(s.Origins, origin.Value)
	}
	return s
}

func words[T ~string](known []T) []string {
	out := make([]string, len(known))
	for i, k := range known {
		out[i] = string(k)
	}
	return out
}

// word checks a short text of one line.
func (c *checker) word(s manifest.String) string {
	if len(s.Value) > maxWord || strings.ContainsAny(s.Value, "\n\r") {
		c.add(s.Errorf("", "longer than one line of %d characters", maxWord))
	}
	return s.Value
}

// bundle is the server as the bundle carries it.
func (s *server) bundle() *bundlepb.McpServer {
	r := s.registered
	out := &bundlepb.McpServer{
		Name: s.name, Tools: s.tools, Labels: r.About.Labels, Owner: r.About.Owner, Classification: r.About.Classification,
		Off: r.Off, Origins: r.Origins, ListTtlMs: r.MaxTTL.Milliseconds(), Scan: string(r.Scan),
		Url: r.URL, ConnectorIds: r.ConnectorIDs, Scopes: r.Scopes,
	}
	if r.VisibleTo.Value != "" {
		out.VisibleTo, out.File = expression(r.VisibleTo), s.file
	}
	return out
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

func (s *server) virtualPath() string { return "/mcp/" + s.name }

// route: all methods of the transport go to the one route; which of them are admitted is extproc's to say.
func (s *server) route() (*bundlepb.Route, envoyconf.Route) {
	methods := []string{http.MethodPost, http.MethodGet, http.MethodDelete}
	return &bundlepb.Route{Name: s.routeName(), Surface: string(filters.SurfaceMCP), Target: s.name, Passthrough: s.passthrough},
		envoyconf.Route{Name: s.routeName(), Path: s.virtualPath(), Methods: methods, Upstream: s.upstream, Rewrite: s.path, Listens: true}
}
