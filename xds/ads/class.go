package ads

import (
	"strings"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
)

// BundleType and BundleName are what a replica of extproc subscribes to.
const (
	BundleType = "type.googleapis.com/bartizan.bundle.v1.Bundle"
	BundleName = "bundle"
)

// class says what a node is. All nodes of a class are served the same resources.
type class string

const (
	classEnvoy   class = "envoy"
	classExtproc class = "extproc"
)

// maxNodeID bounds node ids, in bytes.
const maxNodeID = 256

// classOf reads the class from a node id, "<class>/<name>".
func classOf(id string) (class, bool) {
	prefix, name, _ := strings.Cut(id, "/")
	c := class(prefix)
	return c, name != "" && len(id) <= maxNodeID && (c == classEnvoy || c == classExtproc)
}

// byClass is the cache's NodeHash: one entry for each class.
type byClass struct{}

// ID returns the class of a node.
func (byClass) ID(n *core.Node) string {
	c, _ := classOf(n.GetId())
	return string(c)
}

// typeName is the short name of a type, for people and as a bounded metric label.
func typeName(url string) string {
	switch url {
	case BundleType:
		return "bundle"
	case resource.ListenerType:
		return "listener"
	case resource.ClusterType:
		return "cluster"
	case resource.RouteType:
		return "route"
	case resource.SecretType:
		return "secret"
	case resource.EndpointType:
		return "endpoint"
	}
	return "other"
}

// serves tells whether a class may have a type.
func serves(c class, url string) bool {
	name := typeName(url)
	if c == classExtproc {
		return name == "bundle"
	}
	return name != "bundle" && name != "other"
}
