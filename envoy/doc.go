// Package envoy runs the Envoy that Bartizan was measured with: which one (the pin in requirements.txt), with what it starts
// (the bootstrap), and for how long (the launcher).
//
// It promises that the binary is the pinned one or of the same minor version, never whatever PATH holds; that Envoy starts
// with nothing but the bootstrap of this package and an empty environment, takes every listener, route, cluster and secret from
// the xDS socket, and can be reached by its owner alone (Unix sockets and files of mode 0600 in a run directory that nobody else
// may write); that it does not outlive its parent; and that each way to fail is one line that says what to do.
//
// It does not promise that Envoy accepted what xDS sent: a rejected update is a NACK that the control server sees, and a line
// that the launcher relays at error level and repeats when Ready runs out of time. It decides nothing about traffic: that is xds and
// extproc. It does not restart an Envoy that died: Done is closed, Err says why, and the owner decides.
//
// A Process is safe for concurrent use. Find may be called by several processes at once: one installs, the others wait.
// On Linux the kernel kills Envoy with its parent; elsewhere an Envoy that was left behind is ended by the next Start in
// the same run directory. Windows has no pinned Envoy: there Find and Start return an error.
package envoy
