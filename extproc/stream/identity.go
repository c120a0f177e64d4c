package stream

import (
	"regexp"
	"slices"
	"strings"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"bartizan/extproc/bundle"
	"bartizan/filters"
	"bartizan/filters/secrets"
)

// identify finds who calls by the key in x-api-key, x-goog-api-key, api-key, x-bartizan-key or Authorization: Bearer. An agent may send two (Claude Code does
// with ANTHROPIC_API_KEY and ANTHROPIC_AUTH_TOKEN both set); they must be the same key. A key is a virtual key, or a token that
// Envoy has verified: since all credentials are the same, what Envoy verified is what was sent.
//
// A later way is an mTLS name.
func identify(b *bundle.Bundle, in headers, token bundle.Token, at bundle.Entry) (filters.Identity, *filters.Refusal) {
	if refusal := foreignKey(b, in.credentials); refusal != nil {
		if slices.ContainsFunc(in.credentials, credential.bearer) {
			refusal.Challenge = challenge(at, "invalid_token")
		}
		return filters.Identity{}, refusal
	}
	key, wrong := oneKey(in.credentials)
	if wrong != "" {
		return filters.Identity{}, &filters.Refusal{Kind: filters.RefusedIdentity, Message: wrong}
	}
	if key == "" {
		return filters.Identity{}, &filters.Refusal{Kind: filters.RefusedIdentity, Message: noKey(at), Challenge: challenge(at, "")}
	}
	if identity, known := b.Identify(key); known {
		return identity, nil
	}
	if b.TakesTokens() && isToken.MatchString(key) {
		return identifyToken(b, token, at)
	}
	refusal := &filters.Refusal{
		Kind: filters.RefusedIdentity, Message: "this key is not one of the gateway's virtual keys: it is unknown, withdrawn, or a provider's own key",
	}
	if slices.ContainsFunc(in.credentials, credential.bearer) {
		refusal.Challenge = challenge(at, "invalid_token")
	}
	return filters.Identity{}, refusal
}

func identifyToken(b *bundle.Bundle, token bundle.Token, at bundle.Entry) (filters.Identity, *filters.Refusal) {
	if token.Failure == keysAway {
		return filters.Identity{}, &filters.Refusal{
			Kind: filters.RefusedOverloaded, Message: "the keys of the issuer of this token could not be fetched; try again in a moment",
		}
	}
	identity, err := b.IdentifyToken(token, at.Resource)
	if err != nil {
		return identity, &filters.Refusal{Kind: filters.RefusedIdentity, Message: err.Error(), Challenge: challenge(at, "invalid_token")}
	}
	return identity, nil
}

// keysAway is how Envoy says that it could not get an issuer's keys.
const keysAway = "Jwks remote fetch is failed"

// isToken is the form of a signed JWT (RFC 7515, section 3.1).
var isToken = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

// oneKey is the key that all credentials carry, or what is wrong with them.
func oneKey(credentials []credential) (key, wrong string) {
	for _, c := range credentials {
		value, ok := keyOf(c)
		switch {
		case !ok:
			return "", badForm(c)
		case key != "" && value != key:
			return "", "the request carries two keys that differ: send one key"
		}
		key = value
	}
	return key, ""
}

func noKey(at bundle.Entry) string {
	if at.Subscription != nil {
		return "the request does not say who you are here: send your virtual key as " + keyHeader + ", beside your login at the provider"
	}
	if at.MetadataURL != "" {
		return "the request carries no token: log in, or send your virtual key as Authorization: Bearer"
	}
	return "the request carries no key: send your virtual key as x-api-key, x-goog-api-key or Authorization: Bearer"
}

// exposed refuses a request to a model with a key in its address, where Google's APIs take one too. It is not looked at, and nothing of
// the query is kept.
func (m *Machine) exposed() *filters.Refusal {
	name, found := secrets.InQuery(m.x.Request.Query)
	if m.x.Route.Surface != filters.SurfaceLLM || !found {
		return nil
	}
	return &filters.Refusal{
		Kind: filters.RefusedIdentity,
		Message: "the address holds a key, as its parameter " + name + ", and addresses stand in logs: " +
			"send your virtual key as x-api-key, x-goog-api-key or Authorization: Bearer, and have this one replaced",
	}
}

// challenge sends a client to the authorization server that the metadata of the resource name (RFC 6750, section 3; RFC 9728, section
// 5.1). Where there is none, nothing is said: an MCP client would go looking for it.
func challenge(at bundle.Entry, code string) string {
	if at.MetadataURL == "" {
		return ""
	}
	text := `Bearer resource_metadata="` + at.MetadataURL + `"`
	if code != "" {
		text += `, error="` + code + `"`
	}
	if len(at.Scopes) > 0 {
		text += `, scope="` + strings.Join(at.Scopes, " ") + `"`
	}
	return text
}

// lacking is what a caller who is known still has to bring: scopes, which only a token can have, and his own credential where Envoy
// has none to put in.
func lacking(who filters.Identity, in headers, at bundle.Entry) *filters.Refusal {
	for _, scope := range at.Scopes {
		if who.Method == filters.IdentityByToken && !slices.Contains(who.Scopes, scope) {
			return &filters.Refusal{
				Kind: filters.RefusedScope, Message: "your token lacks the scope " + scope, Challenge: challenge(at, "insufficient_scope"),
			}
		}
	}
	if at.Subscription != nil && (len(in.upstream) != 1 || in.unlike(at)) {
		return &filters.Refusal{
			Kind:    filters.RefusedIdentity,
			Message: "this provider is used with your own login, whose token the request must carry as Authorization: Bearer, once; a key is not taken there",
		}
	}
	if at.Passthrough && len(in.upstream) != 1 {
		return &filters.Refusal{
			Kind:    filters.RefusedIdentity,
			Message: "this server wants your own credential for it, beside your key: send it once, as " + upstreamHeader + ": Bearer ...",
		}
	}
	return nil
}

// badForm says of a header in which there is no key how to send one.
func badForm(c credential) string {
	switch {
	case !c.bearer():
		return "the header " + c.name + " is empty: send your virtual key in it, or leave it out"
	case strings.HasPrefix(c.value, "AWS4-"):
		return "requests signed with AWS credentials (SigV4) are not accepted: set AWS_BEARER_TOKEN_BEDROCK to your virtual key"
	}
	return "the Authorization header is not of the form \"Bearer <virtual key>\""
}

// keyOf takes the key out of a header. The scheme is case-insensitive (RFC 9110, 11.1).
func keyOf(c credential) (string, bool) {
	if !c.bearer() {
		return c.value, c.value != ""
	}
	scheme, key, found := strings.Cut(c.value, " ")
	key = strings.TrimSpace(key)
	return key, found && strings.EqualFold(scheme, "bearer") && key != ""
}

func (c credential) bearer() bool { return c.name == "authorization" }

// The dynamic metadata of Envoy's jwt_authn. No client can write them.
const (
	tokenNamespace = "envoy.filters.http.jwt_authn" //nolint:gosec // G101: a name of Envoy's
	tokenPayload   = "payload"
	tokenHeader    = "header"
	tokenFailure   = "failure"
)

// readToken reads what Envoy says of the caller's token; nothing where there is none.
func readToken(req *extproc.ProcessingRequest) bundle.Token {
	said := req.GetMetadataContext().GetFilterMetadata()[tokenNamespace].GetFields()
	return bundle.Token{
		Claims:    said[tokenPayload].GetStructValue().GetFields(),
		Algorithm: said[tokenHeader].GetStructValue().GetFields()["alg"].GetStringValue(),
		Failure:   said[tokenFailure].GetStructValue().GetFields()["message"].GetStringValue(),
	}
}
