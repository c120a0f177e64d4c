package snapshot

import (
	"google.golang.org/protobuf/proto"

	"bartizan/filters/manifest"
	"bartizan/xds/bundlepb"
)

// Snapshot is all that one commit means: resources for Envoy and the bundle for extproc.
type Snapshot struct {
	Commit  string
	Version string // content hash over Envoy resources and bundle
	Bundle  *bundlepb.Bundle
	Envoy   Resources

	Warnings manifest.Errors // what is allowed and hardly meant, sorted; of no effect
}

// Resources are Envoy's, sorted by name within each type.
type Resources struct {
	Listeners []proto.Message
	Clusters  []proto.Message
	Routes    []proto.Message
	Secrets   []proto.Message
}
