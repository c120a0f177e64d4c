package status

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	maxBytes    = 16 << 20
	askDeadline = 10 * time.Second
)

// Fetch asks the control server behind a Unix socket.
func Fetch(ctx context.Context, socket string) (Status, error) {
	s, err := fetch(ctx, socket)
	if err != nil {
		return Status{}, fmt.Errorf("read status from %s: %w", socket, err)
	}
	return s, nil
}

func fetch(ctx context.Context, socket string) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, askDeadline)
	defer cancel()
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://bartizan/status", nil)
	if err != nil {
		return Status{}, err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return Status{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return Status{}, fmt.Errorf("HTTP %s", resp.Status)
	}
	var s Status
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxBytes)).Decode(&s); err != nil {
		return Status{}, err
	}
	return s, nil
}
