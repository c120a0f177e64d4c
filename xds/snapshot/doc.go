// Package snapshot turns the policy repository at one commit into what the commit means: resources for Envoy and the bundle for
// extproc, or every mistake in it.
//
// It promises: the result depends on nothing but its arguments, and equal arguments give equal bytes and versions, whatever the
// order of files. Nothing is half accepted: with one mistake there is no snapshot, and all mistakes of all files are reported at
// once, each with file, line and column. What is accepted is consistent: each route has an upstream, each name is unique, each
// expression compiles.
//
// It does not read files: neither credentials, which Envoy opens by itself, nor the certificates of authorities. It does not ask
// whether an upstream exists.
//
// All functions are pure and safe for concurrent use; a [Snapshot] is not changed once built.
package snapshot
