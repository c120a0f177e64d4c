// Package bundle holds what a replica decides with: the bundle of one commit, compiled.
//
// A [Client] follows the control server over delta ADS. Each bundle is compiled whole before it takes effect, swapped in
// atomically and acknowledged; one that does not compile is refused with its errors, and the last good one stays. The last
// good bundle is kept on disk, so that a replica that restarts while the control server is away decides as before.
//
// A [Bundle] is immutable and safe for concurrent use. A stream pins one for its life.
package bundle
