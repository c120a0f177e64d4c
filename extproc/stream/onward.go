package stream

import (
	"strings"

	"bartizan/filters"
	"bartizan/filters/secrets"
)

// leadOn has the caller go on here where an answer names the provider's address for what is left of the operation: there, nobody would
// judge it. What cannot be led here is refused.
func (m *Machine) leadOn(in headers) *filters.Refusal {
	for _, name := range m.at.Onward {
		address, sent := in.rest[name]
		if !sent {
			continue
		}
		own, ok := m.ownAddress(address)
		if !ok {
			why := "the upstream's header " + name + " leads past this gateway"
			if m.cfg.Bundle.URL == "" { // the request does not tell it: Envoy takes the port off, and a proxy in front has an address of its own
				why += ", whose own url its Gateway does not name"
			}
			return &filters.Refusal{Kind: filters.RefusedUpstream, Message: why}
		}
		m.onward = append(m.onward, setHeader(name, own))
	}
	return nil
}

// ownAddress is that of the request with the query of an address of the provider's, which has to end with the path that the request has there,
// and to hold no key.
func (m *Machine) ownAddress(address string) (string, bool) {
	path, query, _ := strings.Cut(address, "?")
	_, secret := secrets.InQuery(query)
	own := m.x.Request.Path
	ok := m.cfg.Bundle.URL != "" && strings.HasSuffix(path, strings.TrimPrefix(own, "/"+m.x.Route.Target)) && !strings.ContainsAny(query, "#, ") && !secret
	return m.cfg.Bundle.URL + own + "?" + query, ok
}
