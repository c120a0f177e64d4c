package chain

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"github.com/nats-io/nats.go/jetstream"

	"bartizan/extproc/audit/tail"
)

// Command is `bartizan verify`.
type Command struct {
	tail.Records
	Output string `short:"o" default:"text" enum:"text,json" help:"text or json."`
}

// ErrBroken says that the chain is broken. What was found has been printed.
var ErrBroken = errors.New("the chain of records is broken")

// Run returns ErrBroken where the chain is broken.
func (c *Command) Run(ctx context.Context) error {
	nc, err := c.Connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	report, err := Verify(ctx, js)
	if err != nil {
		return tail.OrNone(err)
	}
	if c.Output == "json" {
		err = json.NewEncoder(os.Stdout).Encode(report)
	} else {
		err = report.WriteText(os.Stdout)
	}
	if err == nil && !report.OK() {
		return ErrBroken
	}
	return err
}
