package pin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bartizan/envoy/state"
)

// Command is `bartizan pin`.
type Command struct {
	state.Folder
	Server         string   `arg:"" help:"The McpServer."`
	Policies       string   `default:"policies" env:"BARTIZAN_POLICIES" type:"path" help:"Folder of the policy repository, where people edit."`
	URL            string   `help:"Ask here; empty: the url of the McpServer. Through a gateway, only what is approved already is seen."`
	Key            string   `env:"BARTIZAN_KEY" help:"A virtual key, for a --url of a gateway."`
	Header         []string `sep:"none" help:"A header of the requests, as in 'Authorization: Bearer ...'; without one, the server's secret of the state folder."`
	DryRun         bool     `help:"Write nothing; exit with 5 where something would change."`
	AcceptFindings bool     `help:"Pin definitions even where something was found that must not reach a model."`
	Output         string   `short:"o" default:"text" enum:"text,json" help:"text or json."`

	Version string `kong:"-"` // of the product, for the server to know us by
}

// ErrDrift says that a dry run found what would change. It has been printed.
var ErrDrift = errors.New("the server offers something else than is pinned")

// Run asks the server and writes one file. What is in it counts once it is committed.
func (c *Command) Run(ctx context.Context) error {
	place, err := Find(ctx, c.Policies, c.Server)
	if err != nil {
		return err
	}
	server, err := c.server(place)
	if err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	offer, err := Fetch(asking, server)
	if err != nil {
		return err
	}
	set, err := offer.Set(c.Server)
	if err != nil {
		return err
	}
	report := Report{Server: c.Server, File: place.File, Changes: Diff(place.Before, set), Findings: offer.Findings()}
	report.Refused = report.Grave() && !c.AcceptFindings
	report.Written = len(report.Changes) > 0 && !c.DryRun && !report.Refused
	if report.Written {
		if err := place.Write(c.Policies, set); err != nil {
			return err
		}
	}
	if err := c.print(report); err != nil {
		return err
	}
	switch {
	case report.Refused && len(report.Changes) > 0:
		return errors.New("nothing was written: look at what was found, and pin it with --accept-findings if it is harmless")
	case c.DryRun && len(report.Changes) > 0:
		return ErrDrift
	}
	return nil
}

func (c *Command) print(r Report) error {
	if c.Output == "json" {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	return r.WriteText(os.Stdout)
}

// server is where to ask, and with which credential.
func (c *Command) server(place *Place) (Server, error) {
	s := Server{URL: c.URL, Headers: http.Header{}, Version: c.Version}
	for _, h := range c.Header {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return s, errors.New("--header: want a name and a value, as in 'Authorization: Bearer ...'")
		}
		s.Headers.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if c.Key != "" && c.URL != "" {
		s.Headers.Set("Authorization", "Bearer "+c.Key)
	}
	if s.URL != "" {
		return s, nil // a credential of the server is not for whoever answers there
	}
	if s.URL = place.URL; s.URL == "" {
		return s, errors.New("this McpServer has no url, since only providers reach it: say where to ask with --url")
	}
	return s, place.Credential.Present(filepath.Join(c.State, "secrets"), s.Headers)
}
