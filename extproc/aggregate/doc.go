// Package aggregate is the endpoint for all MCP servers: one server towards a client, and towards each registered server one client
// that comes through the gate like any other, so that every call is judged, filtered and recorded where it meets its server, under
// the identity of the caller.
//
// It is a router of JSON-RPC messages. What it has to know of a message it reads (names, URIs, cursors, ids of tasks and of requests);
// every other byte goes on as it came, so that fields and extensions of which it knows nothing are carried too. Tools and prompts
// are named server__name, resources server+uri, tasks server__id (see names.go). It speaks 2026-07-28 and the revisions with
// sessions, to clients and to servers, in any combination.
//
// It promises that a caller is who extproc says, on each single request; that what a client gets back from it to return (cursors,
// states of requests) opens for that caller alone; that a server which does not answer is missing from a list by name and not in
// silence; and bounds on sessions, on what waits and on all sizes. It does not decide anything: a server that the caller may not see
// is not asked, and what a server's exchange refuses is refused. Sessions live in this process: after a restart a client gets a 404
// for its session, and opens another.
//
// A [Service] is safe for concurrent use. Each request has one goroutine and those that it waits for; a [Service.Drain] ends them all.
package aggregate
