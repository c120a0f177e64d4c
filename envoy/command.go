package envoy

import (
	"fmt"
	"strings"

	"bartizan/envoy/socket"
)

// Command is `bartizan bootstrap`.
type Command struct {
	socket.TrustFlags
	RunDir         string `required:"" type:"path" help:"Folder for envoy.json and Envoy's admin socket (admin.sock); made for its owner alone."`
	ControlServer  string `required:"" env:"BARTIZAN_CONTROL_SERVER" help:"The control server: unix:/path or host:port."`
	Extproc        string `required:"" help:"The inspection service: unix:/path."`
	NodeID         string `default:"${hostname}" env:"BARTIZAN_NODE_ID" help:"Name of this Envoy."`
	Cluster        string `default:"bartizan" help:"Name of the group of Envoys."`
	HeapBytes      uint64 `help:"The heap at which Envoy refuses all work; 0: 1 GiB."`
	MaxConnections int    `help:"Client connections over all listeners; 0: 10,000."`
}

// Run writes the files and says with what Envoy is to be started.
func (c *Command) Run() error {
	file, err := WriteBootstrap(Config{
		RunDir: c.RunDir, ControlServer: c.ControlServer, ExtProcSocket: strings.TrimPrefix(c.Extproc, "unix:"), Trust: c.Trust(),
		NodeID: "envoy/" + c.NodeID, Cluster: c.Cluster, HeapBytes: c.HeapBytes, MaxConnections: c.MaxConnections,
	})
	if err == nil {
		fmt.Println("envoy --config-path", file, "--disable-hot-restart --drain-strategy immediate")
	}
	return err
}
