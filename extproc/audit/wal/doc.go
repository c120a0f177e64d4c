// Package wal keeps records on disk until NATS has acknowledged them.
//
// A log is a directory: segments of CRC32C-protected frames (numbered from 1 without a gap), a cursor (what was acknowledged), the
// producer's id, and a lock that admits one owner. Directory and files belong to that owner alone (0700, 0600).
//
// Promised: what was appended before a [Log.Sync] that returned nil is there after a crash or power loss, in order. A tail that was never
// synced may be torn: it is cut at [Open] and reported. Damage to what had been synced is never skipped: Open returns a
// *[CorruptError] and changes nothing. The newest record stays on disk after its acknowledgement, so that a chain of hashes goes
// on over restarts. A disk error is sticky: after it nothing more is accepted until the log is opened anew, since after a failed fsync
// nobody knows what the disk holds.
//
// Not promised: the acknowledgement cursor is not synced and may fall back after a power loss; then records are published twice,
// and deduplicated by whoever receives them.
//
// One goroutine appends and syncs; readers and Ack may run beside it.
package wal
