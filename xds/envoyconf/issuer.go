package envoyconf

import (
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	jwtv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Issuer is one whose tokens (JWT) are believed.
type Issuer struct {
	Name      string
	URL       string        // the claim iss
	Audiences []string      // of which a token must have one; extproc then asks for the one of the route
	KeySet    string        // its keys, as a JWKS (RFC 7517); empty: they are at Keys
	Keys      *Site         // nil: KeySet
	Refresh   time.Duration // Keys: how long they are believed
}

// Site is what Envoy asks for by itself: a key set, or a token.
type Site struct {
	URL      string
	Upstream *Upstream
}

// What jwt_authn leaves in the dynamic metadata, below TokenNamespace.
const (
	TokenNamespace = "envoy.filters.http.jwt_authn" //nolint:gosec // G101: a name, fixed by Envoy
	TokenPayload   = "payload"                      // the claims of a token that was verified
	TokenHeader    = "header"                       // its header
	TokenFailure   = "failure"                      // why one was not: code and message
)

// siteTimeout bounds a request of Envoy's own. A caller may be waiting for it: where the keys are not there yet, they are asked for
// when a token comes.
const siteTimeout = 3 * time.Second

// jwtAuthn verifies tokens wherever a caller may put a key, and refuses nobody: that there is no token, or a bad one, is said by
// extproc, in the caller's protocol and with a record. It can be told from a good one only by the metadata, which no client can
// forge. The token goes on to extproc, which compares all credentials and takes them off.
func jwtAuthn(issuers []Issuer) *hcmv3.HttpFilter {
	providers := make(map[string]*jwtv3.JwtProvider, len(issuers))
	for _, i := range issuers {
		providers[i.Name] = i.provider()
	}
	return httpFilter(FilterJWT, &jwtv3.JwtAuthentication{
		Providers: providers,
		Rules: []*jwtv3.RequirementRule{{
			Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
			RequirementType: &jwtv3.RequirementRule_Requires{Requires: &jwtv3.JwtRequirement{
				RequiresType: &jwtv3.JwtRequirement_AllowMissingOrFailed{AllowMissingOrFailed: &emptypb.Empty{}},
			}},
		}},
	})
}

func (i Issuer) provider() *jwtv3.JwtProvider {
	p := &jwtv3.JwtProvider{
		Issuer: i.URL, Audiences: i.Audiences, RequireExpiration: true, Forward: true,
		FromHeaders: []*jwtv3.JwtHeader{
			{Name: "authorization", ValuePrefix: "Bearer "},
			{Name: "authorization", ValuePrefix: "bearer "},
			{Name: "x-api-key"},
			{Name: "x-goog-api-key"},
			{Name: "api-key"},
			{Name: "x-bartizan-key"},
		},
		PayloadInMetadata: TokenPayload, HeaderInMetadata: TokenHeader, FailedStatusInMetadata: TokenFailure,
		// No jwt_cache_config: a token whose key was withdrawn would be believed until it leaves the cache.
	}
	if i.Keys == nil {
		p.JwksSourceSpecifier = &jwtv3.JwtProvider_LocalJwks{LocalJwks: &corev3.DataSource{
			Specifier: &corev3.DataSource_InlineString{InlineString: i.KeySet},
		}}
		return p
	}
	p.JwksSourceSpecifier = &jwtv3.JwtProvider_RemoteJwks{RemoteJwks: &jwtv3.RemoteJwks{
		HttpUri:       i.Keys.uri(),
		CacheDuration: duration(i.Refresh),
		AsyncFetch: &jwtv3.JwksAsyncFetch{
			FastListener:          true, // an issuer that is away takes only its own tokens with it
			FailedRefetchDuration: duration(time.Second),
		},
	}}
	return p
}

func (s *Site) uri() *corev3.HttpUri {
	return &corev3.HttpUri{
		Uri: s.URL, HttpUpstreamType: &corev3.HttpUri_Cluster{Cluster: s.Upstream.Cluster}, Timeout: duration(siteTimeout),
	}
}
