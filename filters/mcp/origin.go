package mcp

import (
	"net/netip"
	"net/url"
	"slices"

	"bartizan/filters"
)

// checkOrigin keeps web pages out that nobody allowed: Streamable HTTP wants it of every server, against DNS rebinding. A client that
// is no browser sends no Origin. Beyond the list pages of this machine may, and those of the gateway's own name over TLS: without TLS
// a page can give our address any name, and then the names are equal.
func checkOrigin(r *filters.Request, allowed []string) error {
	origin, has := r.Headers["origin"]
	if !has || slices.Contains(allowed, origin) {
		return nil
	}
	u, err := url.Parse(origin)
	if err == nil && u.Host != "" && origin == u.Scheme+"://"+u.Host && (isLoopback(u.Hostname()) || u.Scheme == "https" && u.Hostname() == r.Host) {
		return nil
	}
	return &filters.BodyError{Kind: filters.RefusedOrigin, Message: "pages of this Origin may not use the gateway"}
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
