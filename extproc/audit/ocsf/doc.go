// Package ocsf writes a [filters.Record] as one event of the Open Cybersecurity Schema Framework 1.8.0: class API Activity
// (6003), activity 99 "Invoke", profiles ai_operation and security_control, with what OCSF has no word for under
// unmapped.bartizan.
//
// An event is canonical JSON (RFC 8785) by construction: members are written in the order in which JCS sorts them, and there are
// no floating-point numbers, so that its hash can be computed by anyone from the parsed event. Producer sequence and previous hash are
// known only when the event takes its place in the chain: [Encode] leaves room for them, [Draft.Stamp] fills it.
//
// An event never carries content of a body, a credential or a query string. Every string and list is bounded, so that an event stays
// below [MaxSize] whatever a client sent; lists that were cut say how much is missing.
//
// Functions are pure and safe for concurrent use; they never fail.
package ocsf
