// Package access decides which MCP servers a caller sees, and which of their items he is shown and may use. It implements
// [mcp.Registry] from three kinds of documents: McpServer (who sees the server, what is switched off, whether definitions are
// scanned), ToolAccess (one expression for the list and for the call) and McpPins (which definitions were approved).
//
// One expression decides twice. It is written about a call. At listing it is asked about the call that an item would make, with all
// that only the call will bring unknown (CEL's partial evaluation): what cannot be true is not listed. At the call it is asked again,
// with everything known. Several ToolAccess documents about the same items add up: what one admits is admitted. Items of which no
// document speaks are open, as the registry has them; one document about the tools of a server closes those of them that it does not
// admit, and leaves its prompts as they are. An expression that fails admits nothing, and the admission says that it failed.
//
// A definition that is not the approved one, or in which something was found that must not reach a model, is quarantined: not listed,
// and not callable. A call brings only a name. [Memory] therefore keeps which items were last seen with a definition that is
// quarantined, for as long as the process lives. What has not been seen since its start is callable where a pin names it: calls of
// one client spread over replicas that have not seen its list, and the definition that led to the call has passed a gate. What no
// pin names is not callable where a server has pins.
//
// A [Registry] is immutable but for its Memory, and safe for concurrent use; a gate belongs to one exchange.
package access
