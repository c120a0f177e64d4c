// Package stream brings the records of a log on disk to the JetStream stream AUDIT.
//
// Promised: every durable record is published at least once, in order, and acknowledged in the log only when JetStream has stored it. A
// record that was stored and whose acknowledgement was lost is not stored twice: within the stream's duplicate window JetStream
// recognises it by its message id (the SHA-256 of its bytes, which is also the prev_hash of the record after it); beyond the window the publisher
// first reads from the stream how far it had come.
//
// Not promised: that AUDIT is the archive. It is a durable buffer of bounded age and size. A full stream refuses records (discard new);
// they wait in the log.
//
// While NATS is away, or refuses, the publisher tries again for ever, with a pause of at most five seconds. One goroutine runs it.
package stream
