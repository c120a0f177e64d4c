// Package tail reads records from the stream AUDIT and shows them to people: what `bartizan tail` is made of.
//
// [Tail] hands out events in the order of the stream, without a gap, and resumes by itself when the connection was lost. It changes
// nothing on the server but an ephemeral consumer. [WriteText] writes one line per event; what came from a client can
// not move the cursor or colour of a terminal.
//
// Functions are safe for concurrent use; Tail calls its function from one goroutine.
package tail
