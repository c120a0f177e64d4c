package snapshot

import (
	"net/http"

	"bartizan/filters"
	"bartizan/xds/bundlepb"
	"bartizan/xds/envoyconf"
)

// everyServer is the target of the endpoint for all MCP servers. No document has this name.
const everyServer = "*"

// addAggregate serves the endpoint for all MCP servers. Behind it stands the aggregator, which speaks to each of them through the
// gate: a listener of its own on a Unix socket, with the same filters and routes as the others.
func (r *repository) addAggregate(p *plan) {
	if !r.gateway.aggregate {
		return
	}
	upstream := &envoyconf.Upstream{Cluster: "aggregator", Pipe: r.opt.Aggregator}
	route := &bundlepb.Route{Name: "mcp", Surface: string(filters.SurfaceMCP), Target: everyServer, Aggregate: true}
	p.bundle.Routes = append(p.bundle.Routes, route)
	p.discover(r.gateway, route, "/mcp", nil)
	p.routes = append(p.routes, envoyconf.Route{
		Name: route.Name, Path: "/mcp", Methods: []string{http.MethodPost, http.MethodGet, http.MethodDelete}, Upstream: upstream, Rewrite: "/mcp", Listens: true,
	})
	p.upstreams = append(p.upstreams, upstream)
	p.servers = append(p.servers, route.Name)
	p.gate = true
}
