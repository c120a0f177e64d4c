// Package cluster runs Kubernetes on one node, from the programs of the module in ../node, Debian's containerd and runc.
//
// [Start] runs within a room of package host, whose first process the caller is. It promises pods, Services, NodePorts, names (CoreDNS),
// logs, exec, volumes of the type local for claims without a class, and RBAC; each component in a process of its own. It does not promise
// what needs more than that: enforcement of NetworkPolicies, volumes on demand, pulled images, a metrics API, an ingress. What a component
// logs is kept, for whoever asks. A component that ends is an error in whatever waits. All of it ends with the room.
package cluster
