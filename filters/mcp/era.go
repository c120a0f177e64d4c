package mcp

import "bartizan/filters"

// The one modern revision that is understood.
const versionModern = "2026-07-28"

// The eras, as records name them.
const (
	eraLegacy = "legacy"
	eraModern = "modern"
)

// supported are the revisions that a refusal offers, newest first.
var supported = [...]string{versionModern, "2025-11-25", "2025-06-18", "2025-03-26"}

// known tells whether messages of a revision can be read. 2024-11-05 is no revision of Streamable HTTP, but old servers negotiate
// it there, and their clients then send it along.
func known(version string) bool {
	for _, v := range supported {
		if v == version {
			return true
		}
	}
	return version == "2024-11-05"
}

// modern tells the era of an exchange, as far as it is known: after decoding from the message, else from its header. What an
// initialize asks for is not yet the version spoken.
func modern(x *filters.Exchange) bool {
	if x.MCP != nil && x.MCP.ProtocolVersion != "" && x.MCP.Method != methodInitialize {
		return x.MCP.ProtocolVersion >= versionModern
	}
	return x.Request.Headers[headerVersion] >= versionModern
}
