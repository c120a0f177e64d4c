// Package mcp translates the Model Context Protocol over Streamable HTTP to an Exchange, and refusals back to it. It speaks both
// eras of the protocol: the revisions up to 2025-11-25, which begin with initialize and may have a session (here: legacy), and
// 2026-07-28, where every request says of itself what it is, in _meta and again in headers (here: modern).
//
// It promises that what is judged is what any server reads from the same bytes: one JSON-RPC message, strict JSON, exact member
// names (no name that some parser folds to another), an id that survives every parser, and in the modern era headers that say
// the same as the body (Streamable HTTP 2026-07-28, section Server Validation). Methods that are not named in [Codec.DecodeRequest]
// do not pass, and neither do batches and responses of a client to its server. Of an answer it promises that a whole JSON body, or
// each event of a stream, was read as JSON-RPC before any byte of it passes.
//
// Mcp-Param-* headers are held against the arguments as far as the schema of the tool is known, which a list has brought; before that
// only the server can. It does not judge: what the rules say of a message, the judge of its reader says.
//
// A Codec is immutable and safe for concurrent use; a reader of an answer belongs to one stream. Every failure is a
// *filters.BodyError, which carries names and never values of a body, and whose Code is the JSON-RPC code of the refusal.
package mcp
