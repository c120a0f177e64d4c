package tail

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/mattn/go-isatty"
)

// Command is `bartizan tail`.
type Command struct {
	Records
	Since   time.Duration `help:"Begin so long ago."`
	All     bool          `help:"Begin with the first record there is."`
	Once    bool          `help:"End with the newest record instead of waiting for more."`
	Subject string        `help:"Only records of these subjects, such as audit.v1.*.mcp.deny."`
	Output  string        `short:"o" default:"text" enum:"text,json" help:"text (a line a record) or json (the record itself)."`
}

// Run prints records until interrupted.
func (c *Command) Run(ctx context.Context) error {
	nc, err := c.Connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	opts := Options{All: c.All, Once: c.Once, Subject: c.Subject}
	if c.Since > 0 {
		opts.Since = time.Now().Add(-c.Since)
	}
	colour := isatty.IsTerminal(os.Stdout.Fd()) && os.Getenv("NO_COLOR") == ""
	return OrNone(Tail(ctx, nc, opts, func(e *Event) error {
		if c.Output == "json" {
			_, err := fmt.Println(string(e.Raw))
			return err
		}
		return WriteText(os.Stdout, e, colour)
	}))
}
