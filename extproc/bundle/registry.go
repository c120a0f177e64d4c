package bundle

import (
	"bartizan/filters"
	"bartizan/filters/access"
	"bartizan/xds/bundlepb"
)

// servers reads the contract's form of the registry of MCP servers.
func servers(pbs []*bundlepb.McpServer) []access.Server {
	out := make([]access.Server, len(pbs))
	for i, pb := range pbs {
		s := access.Server{Name: pb.GetName(), Tools: make(map[string]filters.ToolAnnotations, len(pb.GetTools()))}
		for _, t := range pb.GetTools() {
			a := filters.DefaultToolAnnotations()
			override(&a.ReadOnly, t.ReadOnly)
			override(&a.Destructive, t.Destructive)
			override(&a.Idempotent, t.Idempotent)
			override(&a.OpenWorld, t.OpenWorld)
			s.Tools[t.GetName()] = a
		}
		out[i] = s
	}
	return out
}

func override(dst *bool, v *bool) {
	if v != nil {
		*dst = *v
	}
}
