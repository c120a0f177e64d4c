// Package audit makes the record of every decision durable and brings it to NATS.
//
// A record is encoded as an OCSF event (package ocsf), numbered, chained by hash to the one before it and written to a log on disk (package
// wal), with one fsync for all records that arrived meanwhile. From there it is published to the JetStream stream AUDIT in order (package
// stream), and waits on disk while NATS is away.
//
// Promised: a record for which [Log.AppendDurable] returned nil survives the loss of power; one for which [Log.Append] returned nil does, once
// Config.MaxDelay has passed. Every record that was written is published at least once, in order, and receivers can prove it by the chain.
// Nothing is dropped in silence: what is not written is an error (strict, durable) or a counter (best effort).
//
// Not promised: a record that Append took can be lost with the process within Config.MaxDelay. It is then not part of the chain either:
// numbers are given when a record is written.
//
// A Log is safe for concurrent use. It owns two goroutines, a writer and a publisher, which Close ends. A disk error breaks the log for good:
// [Log.Admit] says so, and the process is to be restarted once the disk is well.
package audit
