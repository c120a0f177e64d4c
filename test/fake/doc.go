// Package fake holds the other ends of the gateway: model providers and an MCP server that speak the real wire formats, and
// an ext_proc service that misbehaves on purpose.
//
// It promises the wire formats that the vendors' own Go SDKs accept (the tests drive them), answers that follow from the
// request alone (see [Script]), and that every request is recorded as it came, with how its exchange ended. It does not
// think: a fake model says what its script says, and obeys a script in a tool result too, as a model does that falls for an
// injection.
//
// Everything listens on loopback addresses or Unix sockets only. A credential is always required (or none, of a server
// that is open), and no other may come: a gateway that passes its caller's key on is found out. All types are safe for concurrent use. What goes wrong
// with a script is answered with 400 in the vendor's shape and the words "fake script". Memory is bounded: a request body
// to 64 MiB, the record of requests to the last 1,000 and 256 MiB, an answer to 64 MiB.
//
// The package does not import testing, so that programs can use it; tests take the wrappers of package faketest.
package fake
