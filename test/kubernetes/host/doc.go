// Package host makes a place on this machine for a Kubernetes node, and proves that nothing is left of it.
//
// A [Room] is one process in mount, network, process, IPC and host-name namespaces of its own, and a cgroup of its own: what it mounts,
// which interfaces and firewall rules it makes, whom it starts, all of it ends with that process, which the kernel also kills when its
// parent dies. The kernel's machine-wide settings stay as they are. It needs root, Linux, and leave to make namespaces and cgroups;
// [Check] says in one line what is missing. A node joins nothing of the machine's network: it cannot reach another machine.
package host
