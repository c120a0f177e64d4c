package snapshot

import (
	"cmp"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"bartizan/filters"
	"bartizan/filters/llm"
	"bartizan/filters/mcp"
	"bartizan/xds/bundlepb"
	"bartizan/xds/envoyconf"
)

// plan is both sides of a commit, still apart: what extproc knows of the routes and what Envoy does with them.
type plan struct {
	bundle    *bundlepb.Bundle
	routes    []envoyconf.Route
	upstreams []*envoyconf.Upstream
	dialects  map[string][]string // dialect → its routes
	servers   []string            // routes of MCP servers
	gate      bool                // the aggregator comes in by a listener of its own
}

// snapshot assumes that no mistake was found.
func (r *repository) snapshot(commit string) *Snapshot {
	p := r.plan(commit)
	p.sort()
	p.bundle.Version = version(p.bundle)
	s := &Snapshot{Commit: commit, Bundle: p.bundle, Envoy: r.resources(p), Warnings: r.warnings}
	s.Version = s.hash()
	return s
}

func (r *repository) plan(commit string) *plan {
	p := &plan{dialects: map[string][]string{}, bundle: &bundlepb.Bundle{
		Commit: commit, Url: r.gateway.url, VirtualKeys: slices.Concat(r.gateway.keys, r.keys), Policies: bundlePolicies(r.policies), Audit: r.gateway.audit, Limits: r.gateway.limits,
		ToolAccess: bundleAccess(r.access), ModelAccess: bundleModels(r.models), McpPins: bundlePins(r.pins),
	}}
	for _, i := range r.gateway.issuers {
		p.bundle.Issuers = append(p.bundle.Issuers, i.bundle)
		if i.conf.Keys != nil {
			p.lead(i.conf.Keys.Upstream)
		}
	}
	for _, one := range r.providers {
		routes, conf := one.routes(r.gateway)
		p.bundle.Routes, p.routes = append(p.bundle.Routes, routes...), append(p.routes, conf...)
		p.lead(one.upstream)
		if one.prices != nil {
			p.bundle.Prices = append(p.bundle.Prices, one.prices)
		}
		for _, route := range routes {
			route.Resource = r.gateway.resource("/" + one.name)
			p.dialects[route.Dialect] = append(p.dialects[route.Dialect], route.Name)
		}
	}
	for _, one := range r.servers {
		p.bundle.McpServers = append(p.bundle.McpServers, one.bundle())
		if one.upstream == nil {
			continue
		}
		route, conf := one.route()
		p.bundle.Routes, p.routes = append(p.bundle.Routes, route), append(p.routes, conf)
		p.discover(r.gateway, route, one.virtualPath(), values(one.scopes))
		p.lead(one.upstream)
		p.servers = append(p.servers, route.Name)
	}
	r.addAggregate(p)
	return p
}

// lead adds an upstream, and where its tokens come from.
func (p *plan) lead(u *envoyconf.Upstream) {
	p.upstreams = append(p.upstreams, u)
	if u.Credential != nil && u.Credential.Client != nil {
		p.upstreams = append(p.upstreams, u.Credential.Client.Endpoint.Upstream)
	}
}

// discover tells callers of an MCP route who gives tokens for it, where anybody does.
func (p *plan) discover(g *gateway, route *bundlepb.Route, path string, scopes []string) {
	if len(g.issuers) == 0 {
		return
	}
	resource, found, conf := g.discoverable(path, route.GetTarget(), scopes)
	route.Resource = resource
	p.bundle.Routes, p.routes = append(p.bundle.Routes, found), append(p.routes, conf)
}

func (p *plan) sort() {
	slices.SortFunc(p.bundle.Routes, byName[*bundlepb.Route])
	slices.SortFunc(p.bundle.VirtualKeys, byName[*bundlepb.VirtualKey])
	slices.SortFunc(p.bundle.McpServers, byName[*bundlepb.McpServer])
	slices.SortFunc(p.bundle.Prices, func(a, b *bundlepb.ProviderPrices) int { return cmp.Compare(a.Provider, b.Provider) })
	slices.SortFunc(p.routes, func(a, b envoyconf.Route) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(p.upstreams, func(a, b *envoyconf.Upstream) int { return cmp.Compare(a.Cluster, b.Cluster) })
	for _, names := range p.dialects {
		slices.Sort(names)
	}
	slices.Sort(p.servers)
}

// byName orders what the bundle carries.
func byName[T interface{ GetName() string }](a, b T) int {
	return cmp.Compare(a.GetName(), b.GetName())
}

func (r *repository) resources(p *plan) Resources {
	edge := envoyconf.Edge{Voices: p.voices(), Issuers: r.gateway.believed(p), Bare: r.opt.Bare}
	var out Resources
	endpoints := slices.SortedFunc(slices.Values(r.gateway.listeners), func(a, b envoyconf.Endpoint) int { return cmp.Compare(a.Name, b.Name) })
	if p.gate {
		endpoints = append(endpoints, envoyconf.Endpoint{Name: envoyconf.ListenerGate, Pipe: r.opt.Gate})
	}
	for _, at := range endpoints {
		out.Listeners = append(out.Listeners, envoyconf.Listener(at, edge))
	}
	for _, u := range p.upstreams {
		out.Clusters = append(out.Clusters, envoyconf.Cluster(u))
	}
	out.Routes = []proto.Message{envoyconf.Routes(p.routes, p.bundle.Limits.RequestBytes)}
	for _, name := range p.secrets() {
		out.Secrets = append(out.Secrets, envoyconf.Secret(r.opt.SecretsDir, name))
	}
	for _, name := range certificates(endpoints) {
		out.Secrets = append(out.Secrets, envoyconf.Certificate(r.opt.CertificatesDir, name))
	}
	return out
}

// secrets are the names of all credentials, each once.
func (p *plan) secrets() []string {
	names := map[string]bool{}
	for _, u := range p.upstreams {
		if u.Credential != nil {
			names[u.Credential.Secret] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// certificates are the names of all listeners' certificates, each once.
func certificates(endpoints []envoyconf.Endpoint) []string {
	names := map[string]bool{}
	for _, e := range endpoints {
		names[e.Certificate] = true
	}
	delete(names, "")
	return slices.Sorted(maps.Keys(names))
}

// voices: one per protocol, since Envoy tries them one after the other.
func (p *plan) voices() []envoyconf.Voice {
	var voices []envoyconf.Voice
	for _, name := range slices.Sorted(maps.Keys(p.dialects)) {
		codec, _ := llm.Codec(name)
		route := filters.Route{Surface: filters.SurfaceLLM, Dialect: name}
		voices = append(voices, envoyconf.Voice{Routes: p.dialects[name], Route: route, Codec: codec})
	}
	if len(p.servers) > 0 {
		route := filters.Route{Surface: filters.SurfaceMCP}
		voices = append(voices, envoyconf.Voice{Routes: p.servers, Route: route, Codec: mcp.New(nil)})
	}
	return voices
}
