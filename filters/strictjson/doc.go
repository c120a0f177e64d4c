// Package strictjson is the one way in which Bartizan reads foreign JSON: in a single pass, and so that no other reader of the
// same bytes can see something else in them.
//
// It promises what RFC 7493 (I-JSON) asks: duplicate member names, invalid UTF-8, lone surrogates and anything behind the value
// are refused, however deep they stand, also in parts that the caller skips. Member names are compared by exact case after
// unescaping. Nesting is limited to [MaxDepth], and names to [MaxNames]. Every refusal is a *filters.BodyError of kind RefusedMalformed which names the
// place and carries no value of the body.
//
// It does not promise a schema: what the caller does not ask for is only checked for its grammar.
//
// Errors stick: after the first one every read returns a zero value and every loop ends, so that a caller reads on without
// looking and asks once, with [Decoder.End]. A Decoder belongs to one goroutine.
package strictjson
