// Package pins compares the definitions of an MCP server with those that people have approved.
//
// A pin is the SHA-256 of a definition's canonical JSON (RFC 8785), over what a model gets to read of it: name, title, description,
// schemas, annotations. It stands in a document of kind McpPins, beside an excerpt, so that the diff of a pull request shows what
// changes for the model. [Render] writes such a document and [Decode] reads it.
//
// It promises: two definitions have the same digest only if they say the same, whatever the order and spelling of their JSON; what some
// parser might read otherwise (a member twice, or in another case) has no digest at all.
//
// All functions are pure and safe for concurrent use; a [Set] is not changed once made.
package pins
