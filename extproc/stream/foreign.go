package stream

import (
	"fmt"
	"slices"

	"bartizan/extproc/bundle"
	"bartizan/filters"
	"bartizan/filters/secrets"
)

// foreignKey refuses a credential that is a provider's own: with it a caller would use an account of which nobody here knows. The key
// itself is never repeated.
func foreignKey(b *bundle.Bundle, credentials []credential) *filters.Refusal {
	for _, c := range credentials {
		key, ok := keyOf(c)
		if _, ours := b.Identify(key); !ok || ours {
			continue
		}
		if what, is := secrets.Foreign(key); is {
			return &filters.Refusal{Kind: filters.RefusedIdentity, Message: fmt.Sprintf(
				"the header %s carries %s: the gateway takes no keys of providers, and puts in its own; send your virtual key in its place", c.name, what,
			)}
		}
	}
	return nil
}

// setAside takes the caller's own token for the provider out of the credentials by which he is known.
func (h *headers) setAside(at bundle.Entry) {
	if at.Subscription == nil {
		return
	}
	h.credentials = slices.DeleteFunc(h.credentials, func(c credential) bool {
		token, ok := keyOf(c)
		if !c.bearer() || !ok || !at.Subscription.MatchString(token) {
			return false
		}
		h.upstream = append(h.upstream, c)
		return true
	})
}

// unlike tells whether what the caller brings for the upstream is not of the form that the route wants.
func (h *headers) unlike(at bundle.Entry) bool {
	return at.Subscription != nil && slices.ContainsFunc(h.upstream, func(c credential) bool {
		token, ok := keyOf(credential{"authorization", c.value})
		return !ok || !at.Subscription.MatchString(token)
	})
}
