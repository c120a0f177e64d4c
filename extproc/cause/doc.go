// Package cause joins the two sides of a tool call: the model's answer that asks for it, the tools/call that carries it out, and the
// result that goes back to the model.
//
// A [Memory] keeps which calls models asked for, by the verified identity that was answered: another identity's call is never found,
// whatever id a client claims. It keeps ids, names of tools and digests of arguments, no content. What it forgets (after [Lifetime],
// or for want of room) or never saw is unknown, and no error.
//
// What a memory learns it also hands to a publisher as a [Notice], so that the other replicas know it within milliseconds; package
// cause/share carries notices over NATS. A replica that starts knows nothing of what was asked before.
//
// A Memory is safe for concurrent use. Its size is bounded: an identity cannot push out the calls of others by making many.
package cause
