package xds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"bartizan/filters/manifest"
)

// Check is `bartizan check`.
type Check struct {
	PolicyFlags
	Committed bool   `help:"Read the last commit, as the gateway does, and not the files as they are."`
	Output    string `short:"o" default:"text" enum:"text,json" help:"text or json."`
}

// Run reports every error, or what the repository amounts to. It changes nothing. Where there are files to edit it reads these, so that
// a mistake is seen before it is committed.
func (c *Check) Run(ctx context.Context, log *slog.Logger) error {
	repository := c.Repository(log)
	if c.Branch == "" && !c.Committed && repository.HasFiles() {
		repository.Watch = true
	}
	loaded, err := repository.Load(ctx, Options{})
	var mistakes, warnings manifest.Errors
	if err == nil {
		warnings = loaded.Warnings
	}
	if c.Output == "json" && (err == nil || errors.As(err, &mistakes)) {
		if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"ok": err == nil, "errors": mistakes, "warnings": warnings}); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	if c.Output == "text" {
		what := fmt.Sprintf("commit %.12s", loaded.Commit)
		if strings.HasPrefix(loaded.Commit, "dir-") {
			what = "the files as they are"
		}
		for _, w := range warnings {
			fmt.Println("warning:", w)
		}
		fmt.Printf("%s, %s: sound; %s\n", c.Policies, what, loaded.Summary())
	}
	return nil
}
