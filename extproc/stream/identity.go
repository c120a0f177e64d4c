package stream

import (
	"strings"

	"bartizan/extproc/bundle"
	"bartizan/filters"
)

// identify finds who calls by the virtual key in x-api-key, x-goog-api-key or Authorization: Bearer. An agent may send two
// (Claude Code does with ANTHROPIC_API_KEY and ANTHROPIC_AUTH_TOKEN both set); they must be the same key.
//
// Later ways (a JWT that jwt_authn has checked, an mTLS name) are asked here first; a virtual key is the last.
func identify(b *bundle.Bundle, in headers) (filters.Identity, *filters.Refusal) {
	refuse := func(message string) (filters.Identity, *filters.Refusal) {
		return filters.Identity{}, &filters.Refusal{Kind: filters.RefusedIdentity, Message: message}
	}
	key := ""
	for _, c := range in.credentials {
		value, ok := keyOf(c)
		switch {
		case !ok:
			return refuse(badForm(c.name))
		case key != "" && value != key:
			return refuse("the request carries two keys that differ: send one virtual key")
		}
		key = value
	}
	if key == "" {
		return refuse("the request carries no key: send your virtual key as x-api-key or Authorization: Bearer")
	}
	identity, known := b.Identify(key)
	if !known {
		return refuse("this key is not one of the gateway's virtual keys: it is unknown, withdrawn, or a provider's own key")
	}
	return identity, nil
}

// badForm says of a header in which there is no key how to send one.
func badForm(name string) string {
	if name != "authorization" {
		return "the header " + name + " is empty: send your virtual key in it, or leave it out"
	}
	return "the Authorization header is not of the form \"Bearer <virtual key>\""
}

// keyOf takes the key out of a header. The scheme is case-insensitive (RFC 9110, 11.1).
func keyOf(c credential) (string, bool) {
	if c.name != "authorization" {
		return c.value, c.value != ""
	}
	scheme, key, found := strings.Cut(c.value, " ")
	key = strings.TrimSpace(key)
	return key, found && strings.EqualFold(scheme, "bearer") && key != ""
}
