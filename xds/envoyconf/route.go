package envoyconf

import (
	"cmp"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"bartizan/filters/llm"
)

// Route leads one path of the gateway to one path of an upstream.
type Route struct {
	Name     string    // the key of the bundle: extproc knows the route by it
	Path     string    // on the gateway, without query: exact, or with variables, see [Route.variable]
	Below    bool      // instead: all paths that begin with Path and that no other route names, of any method; extproc answers
	Methods  []string  // admitted on it; others fall to a route that is Below, or to [RouteNone]
	Upstream *Upstream // nil: extproc answers
	Mount    string    // of a Path with variables: its beginning that Rewrite replaces
	Rewrite  string    // path at the upstream; the query goes along
	Headers  []Param   // that the upstream gets, whatever the caller sends in them
	Listens  bool      // its answers may be silent for as long as [listenIdle]
}

// bodySlack is what Envoy admits beyond the gateway's limit, so that a body that is a little too large is refused by extproc, in
// the caller's protocol and with a record. What is larger still gets a 413 from Envoy before extproc has seen its end.
const bodySlack = 1 << 20

// Routes builds the route configuration. A path that no route names goes to [RouteNone], which extproc refuses; should it not, the
// route has no upstream to reach. requestBytes is the gateway's limit on a body.
func Routes(routes []Route, requestBytes int64) *routev3.RouteConfiguration {
	host := &routev3.VirtualHost{
		Name:                   RouteConfigName,
		Domains:                []string{"*"},
		RequestBodyBufferLimit: wrapperspb.UInt64(uint64(requestBytes) + bodySlack),
		RequestHeadersToRemove: []string{
			"accept-encoding", // a compressed answer cannot be read
			"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "forwarded", "via",
			"x-envoy-external-address",
		},
	}
	for _, r := range slices.SortedStableFunc(slices.Values(routes), exactFirst) {
		host.Routes = append(host.Routes, r.build())
	}
	host.Routes = append(host.Routes, none())
	return &routev3.RouteConfiguration{Name: RouteConfigName, VirtualHosts: []*routev3.VirtualHost{host}}
}

func (r Route) build() *routev3.Route {
	route := &routev3.Route{Name: r.Name, Match: &routev3.RouteMatch{}, Action: nowhere()}
	if r.Below {
		route.Match.PathSpecifier = &routev3.RouteMatch_Prefix{Prefix: r.Path}
		return route
	}
	route.Match.Headers = []*routev3.HeaderMatcher{methods(r.Methods)}
	if r.variable() {
		route.Match.PathSpecifier = &routev3.RouteMatch_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: llm.PathPattern(r.Path)}}
	} else {
		route.Match.PathSpecifier = &routev3.RouteMatch_Path{Path: r.Path}
	}
	for _, h := range r.Headers {
		route.RequestHeadersToAdd = append(route.RequestHeadersToAdd, setHeader(h.Name, h.Value))
	}
	if r.Upstream != nil {
		action := &routev3.RouteAction{
			ClusterSpecifier:     &routev3.RouteAction_Cluster{Cluster: r.Upstream.Cluster},
			HostRewriteSpecifier: &routev3.RouteAction_HostRewriteLiteral{HostRewriteLiteral: r.Upstream.authority()},
			Timeout:              duration(0), // an answer may stream for hours; the idle timeout ends the dead ones
			IdleTimeout:          duration(r.idle()),
			// No retry policy: a model call costs money and a tool call may write.
		}
		if r.variable() {
			action.RegexRewrite = &matcherv3.RegexMatchAndSubstitute{
				Pattern: &matcherv3.RegexMatcher{Regex: "^" + regexp.QuoteMeta(r.Mount)}, Substitution: strings.ReplaceAll(r.Rewrite, `\`, `\\`),
			}
		} else {
			action.PrefixRewrite = r.Rewrite // with an exact match: the whole path, without the query
		}
		route.Action = &routev3.Route_Route{Route: action}
	}
	return route
}

// variable tells whether the path has variables: {model}, one segment; {+model}, one that may hold slashes written as %2F; {v1|v1beta},
// one of these words.
func (r Route) variable() bool { return strings.Contains(r.Path, "{") }

// exactFirst puts what is named before what is matched, and that before what is left.
func exactFirst(a, b Route) int { return cmp.Compare(a.rank(), b.rank()) }

func (r Route) rank() int {
	switch {
	case r.Below:
		return 2
	case r.variable():
		return 1
	default:
		return 0
	}
}

// idle is how long nothing may move on the route.
func (r Route) idle() time.Duration {
	if r.Listens {
		return listenIdle
	}
	return streamIdle
}

// methods matches any of the names. They are tokens of upper-case letters, so they need no quoting in the expression.
func methods(names []string) *routev3.HeaderMatcher {
	return &routev3.HeaderMatcher{Name: ":method", HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{
		StringMatch: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{
			SafeRegex: &matcherv3.RegexMatcher{Regex: strings.Join(names, "|")},
		}},
	}}
}

func none() *routev3.Route {
	return &routev3.Route{
		Name:   RouteNone,
		Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
		Action: nowhere(),
	}
}

// nowhere has no upstream to reach, should extproc not answer.
func nowhere() *routev3.Route_DirectResponse {
	return &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: 404}}
}

// authority is the Host header of the upstream: the port only where the scheme does not imply it (RFC 9110, section 4.2).
func (u *Upstream) authority() string {
	if u.Pipe != "" {
		return "localhost"
	}
	if implied := u.TLS && u.Port == 443 || !u.TLS && u.Port == 80; !implied {
		return net.JoinHostPort(u.Host, strconv.Itoa(int(u.Port)))
	}
	if net.ParseIP(u.Host) != nil && net.ParseIP(u.Host).To4() == nil {
		return "[" + u.Host + "]"
	}
	return u.Host
}
