//go:build unix && !linux

package envoy

import "syscall"

// childAttributes gives Envoy a process group of its own, so that Ctrl-C in a terminal reaches us alone and we can drain it.
// Here no kernel ends it with us: the next Start in the same run directory does.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
