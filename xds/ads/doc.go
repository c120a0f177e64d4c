// Package ads serves a commit to the fleet over delta ADS: bundles to extproc, listeners, clusters, routes and secrets to Envoy.
//
// It promises the order of a rollout ([Server.Publish]): every connected replica of extproc has acknowledged the bundle, or was
// waited for as long as it deserves, before Envoy learns of the routes; a replica that refuses the bundle stops the rollout, and
// the bundle before it is served again, so that a bad commit changes nothing; clusters and secrets that only the old routes need
// stay until every Envoy has the new ones. Nothing is served before the first commit: a server that has just started takes
// nothing away from nodes that run on. Versions are content hashes, so a reconnecting node gets only what it does not have.
// A node is served what its class may know: extproc never sees a secret, Envoy never a key's hash.
//
// The class of a node is what its id says ("extproc/…", "envoy/…"). Over mutual TLS (Options.GRPC) its certificate must name the role;
// over a Unix socket or plaintext nobody is asked, so the listener must admit the fleet only. It does not judge the content of a commit; package snapshot does.
// A type that is not served is answered with "none", which ends no stream.
//
// All methods of [Server] are safe for concurrent use. Its goroutines belong to [Server.Serve], which waits for them. What a
// node sends is bounded in size and number; a node that exceeds that loses its own stream and no other.
package ads
