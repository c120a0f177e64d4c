// Package bundlepb is the bundle as a protobuf: the only contract between the control server and the inspection service. It is
// generated from bundle.proto by make generate and holds no logic.
package bundlepb
