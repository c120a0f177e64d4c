// Package policy is documents of kind Policy: decoding them, compiling them, and judging an exchange by them.
//
// It promises: [Decode] and [Compile] report every mistake of an author at once, each at file, line and column; a [Set] exists only
// when there is none. [Set.Judge] is a pure function of the set and the exchange: no clock, no random number, no state, the same
// decision on every replica. Rules are judged in the order of their policies and of their place in them; of several actions the
// highest wins, and among equals the first.
//
// What a rule is about follows from what it reads: response makes it one about the answer, of MCP judged message by message; block makes
// it one about each block, of the request and of the answer; call one about each tool call of a model's answer. All others are about the
// request. A policy whose matchConditions do not hold
// for the request has nothing to say about the answer either.
//
// It does not act: the [filters.Decision] says what is to be done, the stream does it.
//
// A Set is immutable and safe for concurrent use. An expression that fails (a missing key, a cost limit) is a verdict "failed",
// and one function, failed, applies the policy's failurePolicy to it.
package policy
