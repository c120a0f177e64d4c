package snapshot

import (
	"slices"
	"strings"

	"bartizan/filters"
	"bartizan/filters/llm"
	"bartizan/filters/manifest"
	"bartizan/xds/bundlepb"
	"bartizan/xds/envoyconf"
)

// providerSpec is the YAML of a Provider.
type providerSpec struct {
	Position   manifest.Position `yaml:"-"`
	Dialect    manifest.String   `yaml:"dialect"`
	URL        manifest.String   `yaml:"url"` // its path, if any, stands before those of the operations
	Operations []manifest.String `yaml:"operations"`
	Credential *credentialSpec   `yaml:"credential"`
	Prices     *pricesSpec       `yaml:"prices"`
}

// provider is a checked Provider.
type provider struct {
	name       string
	dialect    llm.Dialect
	operations []llm.Operation
	upstream   *envoyconf.Upstream
	base       string // path before those of the operations, without a trailing slash
	prices     *bundlepb.ProviderPrices
}

func (r *repository) addProvider(doc *manifest.Document) {
	c := checker{doc: doc}
	if doc.Name == string(filters.SurfaceMCP) {
		c.add(doc.NameText().Errorf("", "paths below /%s are those of MCP servers; a Provider needs another name", filters.SurfaceMCP))
	}
	var spec providerSpec
	if errs := doc.Decode(&spec); len(errs) > 0 {
		c.add(errs...)
	} else {
		r.providers = append(r.providers, c.provider(doc.Name, spec, r.opt))
	}
	r.report(c.errs...)
}

func (c *checker) provider(name string, spec providerSpec, opt Options) *provider {
	dialect := c.dialect(spec.Dialect, spec.Position)
	at := c.url(spec.URL, spec.Position)
	if spec.Credential != nil && spec.Credential.Passthrough {
		c.add(&manifest.Error{Position: spec.Credential.Position, Message: "only an McpServer may have passthrough", Text: "credential"})
	}
	credential := c.credential(spec.Credential, dialect.CredentialHeader, dialect.CredentialPrefix)
	return &provider{
		name:       name,
		dialect:    dialect,
		operations: c.operations(spec, dialect),
		upstream:   at.upstream("llm/"+name, credential, opt),
		base:       strings.TrimSuffix(at.path, "/"),
		prices:     c.prices(name, spec.Prices, at.host),
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
		i := slices.IndexFunc(dialect.Operations, func(op llm.Operation) bool { return op.Name == s.Value })
		if i < 0 {
			c.add(s.Errorf(manifest.Suggest(s.Value, operationNames(dialect)), "unknown operation of dialect %s", dialect.Name))
			continue
		}
		c.add(names.twice(s, s.Value, "mention of this operation"))
		found = append(found, dialect.Operations[i])
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

func (p *provider) routes() (routes []*bundlepb.Route, conf []envoyconf.Route) {
	for _, op := range p.operations {
		r := &bundlepb.Route{
			Name:    "llm/" + p.name + "/" + op.Name,
			Surface: string(filters.SurfaceLLM), Target: p.name, Dialect: p.dialect.Name, Operation: op.Name,
		}
		routes = append(routes, r)
		c := envoyconf.Route{Name: r.Name, Path: "/" + p.name + op.Path, Methods: []string{op.Method}, Upstream: p.upstream, Rewrite: p.base + op.Path}
		if strings.Contains(op.Path, "{") {
			c.Mount, c.Rewrite = "/"+p.name, p.base
		}
		conf = append(conf, c)
	}
	return routes, conf
}
