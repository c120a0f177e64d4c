// Package pin asks an MCP server what it offers, and writes that into the policy repository as approved: the command `bartizan pin`.
//
// It speaks to the server with the official SDK, in the era that both know, and reads the definitions from the bytes that came, not
// from what the SDK makes of them: the gate compares bytes. It writes one file and nothing else; the diff of that file is what a
// person approves by committing it.
//
// It does not pass definitions in which something was found that must not reach a model, unless it is told to: an excerpt shows them
// with every hidden character written out.
package pin
