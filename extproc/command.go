package extproc

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"bartizan/envoy/socket"
	"bartizan/envoy/state"
	"bartizan/extproc/audit/stream"
)

// Command is `bartizan extproc`.
type Command struct {
	state.Folder
	socket.TrustFlags
	stream.ServerFlags
	Listen         string        `required:"" help:"Where Envoy comes: unix:/path or host:port."`
	ControlServer  string        `required:"" env:"BARTIZAN_CONTROL_SERVER" help:"The control server: unix:/path or host:port."`
	StreamReplicas int           `name:"nats-stream-replicas" default:"1" help:"Copies of the stream of records, where this replica makes it: 3 on a cluster."`
	NodeID         string        `default:"${hostname}" env:"BARTIZAN_NODE_ID" help:"Name of this replica."`
	Aggregator     string        `help:"Where the MCP aggregator serves, for Envoy alone: unix:/path; empty: there is none."`
	Gate           string        `help:"Where Envoy hears the aggregator: unix:/path, the --gate of bartizan xds."`
	Metrics        string        `help:"Where /metrics, /healthz and /readyz are served: unix:/path or host:port."`
	Probes         string        `help:"Where a pod's kubelet asks: /healthz, /readyz, and of the whole gateway /gateway and /drain. For nobody else: a drain ends its service."`
	EnvoyAdmin     string        `help:"Admin socket of the Envoy of this pod, for /gateway and /drain: unix:/path."`
	Drain          time.Duration `default:"20s" help:"How long running exchanges may take to end."`
	Settle         time.Duration `default:"5s" help:"How long /drain waits at least, since load balancers hear late that a pod leaves."`
	Budget         int64         `help:"Bytes of request bodies under judgement at once; 0: 1 GiB."`

	Version string `kong:"-"` // of the product, for records
}

// Run serves until interrupted.
func (c *Command) Run(ctx context.Context, log *slog.Logger) error {
	return Config{
		NodeID: c.NodeID, Version: c.Version, Listen: c.Listen, ControlServer: c.ControlServer, StateDir: c.State,
		NATS: c.Server(), Stream: stream.Config{Replicas: c.StreamReplicas}, Trust: c.Trust(), Aggregator: c.Aggregator, Gate: c.Gate, Admin: c.Metrics,
		Probes: c.Probes, EnvoyAdmin: strings.TrimPrefix(c.EnvoyAdmin, "unix:"), Drain: c.Drain, Settle: c.Settle, Budget: c.Budget, Log: log,
	}.Run(ctx)
}
