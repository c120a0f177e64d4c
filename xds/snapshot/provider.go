package snapshot

import (
	"strings"

	"bartizan/filters"
	"bartizan/filters/access"
	"bartizan/filters/llm"
	"bartizan/filters/manifest"
	"bartizan/xds/bundlepb"
	"bartizan/xds/envoyconf"
)

// providerSpec is the YAML of a Provider.
type providerSpec struct {
	Position   manifest.Position `yaml:"-"`
	Dialect    manifest.String   `yaml:"dialect"`
	URL        manifest.String   `yaml:"url"`        // its path, if any, stands before those of the operations
	Operations []manifest.String `yaml:"operations"` // each by its name, or those of a group, as in files.*
	Credential *credentialSpec   `yaml:"credential"`
	Prices     *pricesSpec       `yaml:"prices"`
	Connectors manifest.String   `yaml:"connectors"` // MCP servers that it may connect to by itself: Registered (default), None, Any
}

// provider is a checked Provider.
type provider struct {
	name       string
	dialect    llm.Dialect
	operations []llm.Operation
	upstream   *envoyconf.Upstream
	base       string // path before those of the operations, without a trailing slash
	prices     *bundlepb.ProviderPrices
	connectors string

	passthrough manifest.Position // of a credential that the caller brings; zero: he does not
}

func (r *repository) addProvider(doc *manifest.Document) {
	c := checker{doc: doc}
	if doc.Name == string(filters.SurfaceMCP) {
		c.add(doc.NameText().Errorf("", "paths below /%s are those of MCP servers; a Provider needs another name", filters.SurfaceMCP))
	}
	var spec providerSpec
	if errs := doc.Decode(&spec); len(errs) > 0 {
		r.unreadProvider = true
		c.add(errs...)
	} else {
		r.providers = append(r.providers, c.provider(doc.Name, spec, r.opt))
	}
	r.report(c.errs...)
}

func (c *checker) provider(name string, spec providerSpec, opt Options) *provider {
	dialect := c.dialect(spec.Dialect, spec.Position)
	at := c.url(spec.URL, spec.Position)
	credential := c.credential(spec.Credential, dialect.CredentialHeader, dialect.CredentialPrefix)
	p := &provider{
		name:       name,
		dialect:    dialect,
		operations: c.operations(spec, dialect),
		upstream:   at.upstream("llm/"+name, credential, opt),
		base:       strings.TrimSuffix(at.path, "/"),
		prices:     c.prices(name, spec.Prices, at.host),
		connectors: c.oneOf(spec.Connectors, string(access.ConnectorsRegistered), words(access.ConnectorModes())...),
	}
	if spec.Credential != nil && spec.Credential.Passthrough {
		p.passthrough = spec.Credential.Position
		if dialect.Name != "" && dialect.Subscription == nil {
			c.add(&manifest.Error{
				Position: spec.Credential.Position, Message: "callers have no subscription of their own at a provider of dialect " + dialect.Name, Text: "passthrough",
			})
		}
	}
	return p
}

// subscriptions warns where any account's token would pass.
func (r *repository) subscriptions() {
	if r.gateway == nil || len(r.gateway.organizations) > 0 {
		return
	}
	for _, p := range r.providers {
		if p.passthrough != (manifest.Position{}) {
			r.warnings = append(r.warnings, &manifest.Error{
				Position: p.passthrough, Text: p.name, Message: "callers may log in with any account, also one that is not your organization's",
				Hint: "name yours in the Gateway, under anthropic.allowedOrganizations",
			})
		}
	}
}

func (c *checker) dialect(s manifest.String, at manifest.Position) llm.Dialect {
	if isAbsent(s) {
		c.missing(at, "dialect")
		return llm.Dialect{}
	}
	dialect, ok := llm.Lookup(s.Value)
	if !ok {
		c.add(s.Errorf(manifest.Suggest(s.Value, llm.Dialects()), "unknown dialect"))
	}
	return dialect
}

// operations are checked only against a known dialect.
func (c *checker) operations(spec providerSpec, dialect llm.Dialect) []llm.Operation {
	if len(spec.Operations) == 0 {
		c.missing(spec.Position, "operations")
	}
	if dialect.Name == "" {
		return nil
	}
	var found []llm.Operation
	names := seen{}
	for _, s := range spec.Operations {
		matched := dialect.Match(s.Value)
		if len(matched) == 0 {
			c.add(s.Errorf(manifest.Suggest(s.Value, append(operationNames(dialect), dialect.Groups()...)), "unknown operation of dialect %s", dialect.Name))
		}
		for _, op := range matched {
			again := names.twice(s, op.Name, "mention of the operation "+op.Name)
			if c.add(again); again == nil {
				found = append(found, op)
			}
		}
	}
	return found
}

func operationNames(d llm.Dialect) []string {
	names := make([]string, len(d.Operations))
	for i, op := range d.Operations {
		names[i] = op.Name
	}
	return names
}

// organizationsHeader names the organizations at Anthropic of which a request may be, whatever key or token it carries (tenant
// restrictions). What a caller sends in it is replaced.
const organizationsHeader = "anthropic-allowed-org-ids"

// routes are those of the operations that the Provider lists, and one for all other paths below its own, which are refused.
func (p *provider) routes(g *gateway) (routes []*bundlepb.Route, conf []envoyconf.Route) {
	for _, op := range p.operations {
		r := &bundlepb.Route{
			Name:    "llm/" + p.name + "/" + op.Name,
			Surface: string(filters.SurfaceLLM), Target: p.name, Dialect: p.dialect.Name, Operation: op.Name,
			Connectors: p.connectors, Passthrough: p.passthrough != (manifest.Position{}),
		}
		routes = append(routes, r)
		c := envoyconf.Route{Name: r.Name, Path: "/" + p.name + op.Path, Methods: []string{op.Method}, Upstream: p.upstream, Rewrite: p.base + op.Path}
		if strings.Contains(op.Path, "{") {
			c.Mount, c.Rewrite = "/"+p.name, p.base
		}
		if p.dialect.Name == "anthropic" && len(g.organizations) > 0 {
			c.Headers = []envoyconf.Param{{Name: organizationsHeader, Value: strings.Join(g.organizations, ",")}}
		}
		conf = append(conf, c)
	}
	unlisted := &bundlepb.Route{Name: "llm/" + p.name, Surface: string(filters.SurfaceLLM), Target: p.name, Dialect: p.dialect.Name}
	return append(routes, unlisted), append(conf, envoyconf.Route{Name: unlisted.Name, Path: "/" + p.name + "/", Below: true})
}
