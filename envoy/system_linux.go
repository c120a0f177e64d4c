package envoy

import "syscall"

// childAttributes has the kernel kill Envoy when the thread that started it ends, which lives as long as Envoy itself or this
// process. Envoy gets a process group of its own, so that Ctrl-C in a terminal reaches us alone and we can drain it.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
