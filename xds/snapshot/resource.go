package snapshot

import (
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"

	"bartizan/filters"
	"bartizan/xds/bundlepb"
	"bartizan/xds/envoyconf"
)

// wellKnown stands between the host and the path of a resource whose metadata are asked for (RFC 9728, section 3.1).
const wellKnown = "/.well-known/oauth-protected-resource"

// metadata are the protected resource metadata of RFC 9728, section 2.
type metadata struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	ScopesSupported      []string `json:"scopes_supported,omitempty"`
	BearerMethods        []string `json:"bearer_methods_supported"`
	ResourceName         string   `json:"resource_name,omitempty"`
}

// resource is what the path of a route is to OAuth; nil where there is no issuer.
func (g *gateway) resource(path string) *bundlepb.Resource {
	if len(g.issuers) == 0 {
		return nil
	}
	return &bundlepb.Resource{Id: g.url + path}
}

// discoverable is a resource to which callers without a token are shown the way, and the route where they find it.
func (g *gateway) discoverable(path, target string, scopes []string) (*bundlepb.Resource, *bundlepb.Route, envoyconf.Route) {
	r := g.resource(path)
	r.MetadataUrl, r.Scopes = g.url+wellKnown+path, scopes
	name := "metadata" + path
	return r,
		&bundlepb.Route{
			Name: name, Surface: string(filters.SurfaceMCP), Target: target, Resource: &bundlepb.Resource{Document: g.document(r, target)},
		},
		envoyconf.Route{Name: name, Path: wellKnown + path, Methods: []string{http.MethodGet}}
}

func (g *gateway) document(r *bundlepb.Resource, name string) []byte {
	m := metadata{Resource: r.GetId(), ScopesSupported: r.GetScopes(), BearerMethods: []string{"header"}}
	if name != everyServer {
		m.ResourceName = name
	}
	for _, i := range g.issuers {
		m.AuthorizationServers = append(m.AuthorizationServers, i.conf.URL)
	}
	data, _ := json.Marshal(m) // strings that are UTF-8: it cannot fail
	return data
}

// believed are the issuers as Envoy knows them. A token for none of our paths is no better than a bad one; extproc then asks for the
// very path.
func (g *gateway) believed(p *plan) []envoyconf.Issuer {
	var resources []string
	for _, r := range p.bundle.GetRoutes() {
		if id := r.GetResource().GetId(); id != "" {
			resources = append(resources, id)
		}
	}
	slices.Sort(resources)
	resources = slices.Compact(resources)
	var issuers []envoyconf.Issuer
	for _, i := range g.issuers {
		if i.conf.Audiences == nil {
			i.conf.Audiences = resources
		}
		issuers = append(issuers, i.conf)
	}
	return issuers
}
