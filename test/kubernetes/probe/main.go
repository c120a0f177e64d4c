// Command probe is what `helm test` runs in a pod beside the chart's own: `probe upstream` is a fake model provider and a fake MCP server
// for other pods, and `probe check` sends one call to each through the gateway and reads the records of both from NATS.
//
// It promises an exit code of 0 only when both calls were answered and recorded as allowed. It waits for what is still starting, until its
// time is over, and says then what it was waiting for.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

type cli struct {
	Upstream upstreamCmd `cmd:"" help:"Be a model provider and an MCP server."`
	Check    checkCmd    `cmd:"" help:"Call both through the gateway, and read their records."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command := kong.Parse(&cli{}, kong.Name("probe"), kong.Description("Tries an installed gateway from inside its cluster."))
	command.BindTo(ctx, (*context.Context)(nil))
	command.FatalIfErrorf(command.Run())
}

// secret reads a mounted secret.
func secret(file string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	return strings.TrimSpace(string(raw)), nil
}
