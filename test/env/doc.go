// Package env starts the real pieces for tests and programs of this repository: the bartizan binary, the pinned Envoy, an embedded
// NATS, a Git repository of policies, and the fake vendors of package fake.
//
// A [Gateway] is `bartizan up`, one process tree as a user runs it. A [Fleet] has each role in a process of its own, so that a test
// can stop, kill or replace one. Ports are chosen by the kernel, but for those that must come again; folders are temporary and short (Unix
// socket paths are bounded). Output of processes is kept and shown only when a test fails. Everything started is ended, by process id, when ctx or the test
// does. Values are safe for concurrent use.
package env
