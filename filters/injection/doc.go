// Package injection finds text that speaks to a model over the head of the person who uses it, where no such text belongs: in the
// definitions of tools and in results. Its rules are few and literal, after attacks that were published (tool poisoning, Invariant
// Labs 2025; full-schema poisoning, CyberArk 2025; line jumping, Trail of Bits 2025).
//
// It promises to be quiet about the definitions of well-known servers, which the tests hold. It does not promise to find a paraphrase:
// no list of words does. What it finds is worth a look of a person, and what matters is that a definition was approved (pins) and
// that a rule stands between the model and what it must not do.
//
// All functions are pure and safe for concurrent use.
package injection
