// Package stream is one ext_proc stream as a pure state machine: a ProcessingRequest in, ProcessingResponses out.
//
// It is the only user of the ext_proc protobufs. A [Machine] has no socket, goroutine or clock of its own: the server feeds it
// messages and obeys each [Output]. That makes every order of messages a table of golden transcripts (testdata).
//
// What it promises:
//   - No byte of a request is let on before the whole request is judged: only then does an answer carry the stamp, the dynamic
//     metadata that an RBAC filter behind ext_proc asks for.
//   - An exchange ends once, and yields exactly one closing record, whoever ended it; none where it ends before the machine knows
//     which request it is, since Envoy's access log then makes the record.
//   - Everything out of order is an error, and an error ends the stream with a gRPC status that is not OK. Envoy lets the rest
//     of an exchange pass uninspected when a stream ends with OK (facts: ext_proc protocol, item 6), so [Machine.Status] never
//     says OK before the exchange has ended.
//
// What it does not: it holds no timer (the server does, per [Phase]), and it does not know how a body is decoded (a
// filters.Codec does) or what a rule says (the bundle does).
//
// A Machine is not safe for concurrent use.
package stream
