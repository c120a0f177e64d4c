package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"bartizan/envoy/state"
)

// Command is `bartizan status`.
type Command struct {
	state.Folder
	Address string `name:"socket" type:"path" help:"Status socket of a control server; empty: that of the state folder."`
	Output  string `short:"o" default:"text" enum:"text,json" help:"text or json."`
}

// Run asks the control server.
func (c *Command) Run(ctx context.Context) error {
	if c.Address == "" {
		c.Address = c.Socket("status.sock")
	}
	s, err := Fetch(ctx, c.Address)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("no control server listens on %s: start one, or give --state or --socket", c.Address)
	} else if err != nil {
		return err
	}
	if c.Output == "json" {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(s)
	}
	return WriteText(os.Stdout, s)
}
