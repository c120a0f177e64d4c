package mcp

import (
	"encoding/base64"
	"strings"
)

// The headers that 2026-07-28 mirrors from the body, and the session of the legacy era.
const (
	headerVersion = "mcp-protocol-version"
	headerMethod  = "mcp-method"
	headerName    = "mcp-name"
	headerSession = "mcp-session-id"
)

// checkEra finds the era of the message and holds it against the headers. A message is modern when it or its header says so: were
// the header alone believed, a server that looks into the body would see another era, and the other way round.
func (m *request) checkEra(headers map[string]string) (inModernEra bool, err error) {
	header := headers[headerVersion]
	if m.meta.hasVersion && header != m.meta.version {
		return false, mismatch(headerVersion)
	}
	if header != "" && !known(header) || m.meta.hasVersion && header != versionModern {
		return false, malformed(codeUnsupportedVersion, "the protocol version is not supported", "")
	}
	if header != versionModern {
		return false, nil
	}
	return true, m.checkModern(headers)
}

func (m *request) checkModern(headers map[string]string) error {
	method, hasMethod := headers[headerMethod]
	if isNotification(m.method) { // the revision leaves the headers of notifications open, hence optional, but not untrue
		if hasMethod && method != m.method {
			return mismatch(headerMethod)
		}
		return nil
	}
	if method != m.method {
		return mismatch(headerMethod)
	}
	if m.method == methodCall {
		if name, ok := plain(headers[headerName]); !ok || name == "" || name != m.name {
			return mismatch(headerName)
		}
	}
	if !m.meta.hasVersion {
		return malformed(codeInvalidParams, "_meta lacks "+metaVersion, "/params/_meta")
	}
	return nil
}

func mismatch(header string) error {
	return malformed(codeHeaderMismatch, "the header "+header+" is missing or differs from the body", "")
}

// plain decodes the form =?base64?…?= in which a header carries what is not plain ASCII (Streamable HTTP, section Value Encoding).
// Its marks are case-sensitive. The encoding must be the canonical one: a second spelling of a name has no use but deceit.
func plain(value string) (string, bool) {
	inner, ok := strings.CutPrefix(value, "=?base64?")
	if !ok {
		return value, true
	}
	inner, ok = strings.CutSuffix(inner, "?=")
	if !ok {
		return value, true
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(inner)
	if err != nil || strings.ContainsAny(inner, "\r\n") {
		return "", false
	}
	return string(decoded), true
}
