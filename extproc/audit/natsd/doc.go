// Package natsd runs a NATS server inside the process, for a gateway on one machine.
//
// The server listens on a loopback address, keeps JetStream on disk with an fsync for every write, and knows two users with random
// passwords: the gateway, which may create and fill streams, and the reader, which may only read AUDIT. Their URLs are written into
// the state directory (files nats.url and gateway.url, mode 0600): who may read the file may connect. Neither user may delete a stream or a message.
//
// Not promised: replicas, TLS, or a listener for other machines. The URLs are secrets; the package logs none.
//
// [Start] returns when the server is ready. A Server is safe for concurrent use, and is stopped by Shutdown, after its clients.
package natsd
