package stream

import (
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"bartizan/extproc/sealed"
	"bartizan/filters/claim"
	"bartizan/filters/secrets"
)

// headers are what the machine reads of a header map, in one pass.
type headers struct {
	method, host, path string
	status             string
	length, encoding   string
	mediaType          string
	requestID          string
	credentials        []credential      // as sent, in order
	upstream           []credential      // what the caller brings for the upstream itself
	forged             []string          // names of headers that are ours to set
	caller             string            // sealed by the aggregator, or forged
	rest               map[string]string // everything else that is no credential
}

// credential is one header that may carry a key.
type credential struct{ name, value string }

// LogValue and String are absent on purpose: a credential is never formatted. It lives for one call of identify.

// upstreamHeader is where a caller puts his own credential for an upstream with passthrough. It becomes Authorization there.
const upstreamHeader = ownPrefix + "upstream-authorization"

// keyHeader is where a caller puts his key for the gateway, when the other headers carry something else.
const keyHeader = ownPrefix + "key"

// ownPrefix is what the names of our own headers begin with.
const ownPrefix = "x-bartizan-"

// readHeaders sorts a header map. A header sent twice is joined by a comma, as HTTP allows (RFC 9110, 5.3).
func readHeaders(m *corev3.HeaderMap) headers {
	h := headers{rest: make(map[string]string, len(m.GetHeaders()))}
	for _, hv := range m.GetHeaders() {
		value := string(hv.GetRawValue())
		switch name := hv.GetKey(); name {
		case ":method":
			h.method = value
		case ":authority":
			h.host = value
		case ":path":
			h.path = value
		case ":status":
			h.status = value
		case "content-length":
			h.length = value
		case "content-encoding":
			h.encoding = join(h.encoding, strings.ToLower(strings.TrimSpace(value)))
		case "content-type":
			h.mediaType = join(h.mediaType, mediaType(value)) // of two, who knows which the client believes: together they are none
			h.add(name, value)
		case "x-request-id":
			h.requestID = value
		case "x-api-key", "x-goog-api-key", "api-key", "authorization", keyHeader:
			h.credentials = append(h.credentials, credential{name, value})
		case upstreamHeader:
			h.upstream = append(h.upstream, credential{name, value})
		default:
			switch {
			case strings.HasPrefix(name, ":"):
			case strings.HasPrefix(name, ownPrefix):
				h.forged = append(h.forged, name)
				if name == sealed.CallerHeader {
					h.caller = join(h.caller, value)
				}
			case !secret(name):
				h.add(name, value)
			}
		}
	}
	return h
}

// secret tells by its name whether a header carries a credential: no rule and no record needs to see one. Arguments of tools that headers
// repeat are no credentials by their name: rules read them in the body too.
func secret(name string) bool {
	if strings.HasPrefix(name, "mcp-param-") {
		return false
	}
	last := name[strings.LastIndexByte(name, '-')+1:]
	switch last {
	case "authorization", "cookie", "cookie2", "token", "key", "apikey", "secret", "password", "signature", "jwt", "credential", "credentials", "assertion":
		return true
	}
	return false
}

func (h *headers) add(name, value string) { h.rest[name] = join(h.rest[name], value) }

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "," + b
}

// mediaType is a content-type without its parameters, in lower case.
func mediaType(contentType string) string {
	t, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// attribute reads one of the attributes that Envoy was asked to send with the request headers.
func attribute(req *extproc.ProcessingRequest, name string) string {
	return req.GetAttributes()["envoy.filters.http.ext_proc"].GetFields()[name].GetStringValue()
}

// describe notes what the request says of itself.
func (m *Machine) describe(req *extproc.ProcessingRequest, in headers) {
	r := &m.x.Request
	r.ID, r.Method, r.Host, r.Headers = in.requestID, in.method, in.host, in.rest
	r.Path, r.Query, _ = strings.Cut(in.path, "?")
	if name, secret := secrets.InQuery(r.Query); secret {
		r.Query = name + "=" // neither rules nor records see the rest of it
	}
	r.UserAgent = in.rest["user-agent"]
	r.SourceIP = hostOf(attribute(req, "source.address"))
	m.x.Claimed = claim.Headers(in.rest)
}

// hostOf drops the port of an address.
func hostOf(address string) string {
	if i := strings.LastIndexByte(address, ':'); i >= 0 {
		return strings.Trim(address[:i], "[]")
	}
	return address
}

// clip shortens foreign text for a message, and leaves out what is not UTF-8.
func clip(s string) string {
	const limit = 128 // bytes
	if len(s) > limit {
		return strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return strings.ToValidUTF8(s, "")
}
