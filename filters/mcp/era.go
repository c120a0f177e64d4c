package mcp

import "bartizan/filters"

// The one modern revision that is understood.
const versionModern = "2026-07-28"

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

// The methods that are admitted.
const (
	methodInitialize  = "initialize"
	methodInitialized = "notifications/initialized"
	methodCancelled   = "notifications/cancelled"
	methodPing        = "ping"
	methodDiscover    = "server/discover"
	methodList        = "tools/list"
	methodCall        = "tools/call"
)

// admitted tells whether a message of the method may pass in an era. The modern revision has no use for notifications/cancelled
// over HTTP, yet clients send it, and it cannot do harm.
func admitted(method string, modern bool) bool {
	switch method {
	case methodList, methodCall, methodCancelled:
		return true
	case methodDiscover:
		return modern
	case methodInitialize, methodInitialized, methodPing:
		return !modern
	}
	return false
}

// isNotification tells whether an admitted method is one that has no answer.
func isNotification(method string) bool {
	return method == methodInitialized || method == methodCancelled
}

// modern tells the era of an exchange, as far as it is known: after decoding from the message, else from its header. What an
// initialize asks for is not yet the version spoken.
func modern(x *filters.Exchange) bool {
	if x.MCP != nil && x.MCP.ProtocolVersion != "" && x.MCP.Method != methodInitialize {
		return x.MCP.ProtocolVersion >= versionModern
	}
	return x.Request.Headers[headerVersion] >= versionModern
}
