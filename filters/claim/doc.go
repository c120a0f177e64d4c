// Package claim reads what a client says of itself and of what it is doing: who it is, in which session, which subagent asks, for which
// prompt, and what the request is for (filters.Claimed).
//
// All of it is the client's word: it serves attribution and the form of an answer, never a decision about who somebody is. What a header
// says goes before what the body says; a class that nobody says is derived from the form of the request, and marked so. The headers and
// bodies are those that Claude Code 2.1.330, Codex 0.169.0 and Gemini CLI 0.61.0 send.
//
// What is read is bounded. There is no state and no failure: what is not understood is not there.
package claim
