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
	name, has := headers[headerMethod]
	if is, _ := admitted(m.method, true); is.notification || m.isAnswer() {
		if has && name != m.method { // the revision leaves the headers of notifications open, hence optional, but not untrue
			return mismatch(headerMethod)
		}
		return nil
	}
	if name != m.method {
		return mismatch(headerMethod)
	}
	return nil
}

// checkName holds Mcp-Name against the body. Where no rule asks for it, it may be missing, but not untrue.
func (m *request) checkName(is method, headers map[string]string) error {
	raw, has := headers[headerName]
	if is.subject == "" || is.subject == ItemCompletion || !has && !is.needsHeader {
		return nil
	}
	if name, ok := plain(raw); !ok || name == "" || name != m.named(is) {
		return mismatch(headerName)
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
