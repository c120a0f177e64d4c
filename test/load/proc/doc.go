// Package proc measures and places processes by their id, on Linux.
//
// It promises CPU time with all threads of a process in it, ended ones too, to the nanosecond that the kernel keeps; not
// that of child processes. It does not follow a process: an id that is gone is an error, and one that was given to another
// process is the caller's mistake. It holds no state, and is safe for concurrent use.
package proc
