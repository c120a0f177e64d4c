// Package admin speaks to Envoy's admin interface over its Unix socket: is it ready, what does it count, let it drain.
//
// It promises bounded answers and bounded waiting, and knows nothing of how Envoy was started: the launcher uses it for its child, and
// the inspection service for the Envoy of its pod. A Client is safe for concurrent use.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	answerTime = 5 * time.Second // for one answer
	maxAnswer  = 16 << 20        // bytes of one answer
	idlePoll   = 50 * time.Millisecond
)

// Client asks one Envoy. New makes one.
type Client struct{ http *http.Client }

// New returns a client for the admin socket at a path. Nobody needs to listen there yet.
func New(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &Client{&http.Client{Timeout: answerTime, Transport: &http.Transport{DialContext: dial, MaxIdleConns: 1}}}
}

// Close lets go of the connection.
func (a *Client) Close() { a.http.CloseIdleConnections() }

// Do sends one request and returns the body of the answer, which must be 200.
func (a *Client) Do(ctx context.Context, method, target string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://envoy"+target, nil)
	if err != nil {
		return nil, err
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask Envoy's admin interface: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read Envoy's %s: %w", target, err)
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("read Envoy's %s: more than %d bytes", target, maxAnswer)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask Envoy's %s: status %d: %s", target, resp.StatusCode, brief(body))
	}
	return body, nil
}

// Ready says why Envoy does not serve: it is not there, has no configuration yet, or drains.
func (a *Client) Ready(ctx context.Context) error {
	_, err := a.Do(ctx, http.MethodGet, "/ready")
	return err
}

// Listeners returns the address of each active listener by its name, as host:port or unix:path. A listener configured with
// port 0 has the one that the kernel chose.
func (a *Client) Listeners(ctx context.Context) (map[string]string, error) {
	body, err := a.Do(ctx, http.MethodGet, "/listeners?format=json")
	if err != nil {
		return nil, err
	}
	return parseListeners(body)
}

// parseListeners reads /listeners?format=json.
func parseListeners(body []byte) (map[string]string, error) {
	var doc struct {
		Statuses []struct {
			Name  string `json:"name"`
			Local struct {
				Socket struct {
					Address string `json:"address"`
					Port    uint16 `json:"port_value"`
				} `json:"socket_address"`
				Pipe struct {
					Path string `json:"path"`
				} `json:"pipe"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, fmt.Errorf("decode Envoy's listeners: %w", err)
	}
	found := make(map[string]string, len(doc.Statuses))
	for _, s := range doc.Statuses {
		found[s.Name] = net.JoinHostPort(s.Local.Socket.Address, strconv.Itoa(int(s.Local.Socket.Port)))
		if s.Local.Pipe.Path != "" {
			found[s.Name] = "unix:" + s.Local.Pipe.Path
		}
	}
	return found, nil
}

// Stats returns the counters and gauges whose name matches filter, a regular expression (RE2).
func (a *Client) Stats(ctx context.Context, filter string) (map[string]uint64, error) {
	body, err := a.Do(ctx, http.MethodGet, "/stats?format=json&filter="+url.QueryEscape(filter))
	if err != nil {
		return nil, err
	}
	return parseStats(body)
}

// parseStats reads the counters and gauges of /stats?format=json; histograms and texts are passed over.
func parseStats(body []byte) (map[string]uint64, error) {
	var doc struct {
		Stats []struct {
			Name  string          `json:"name"`
			Value json.RawMessage `json:"value"`
		} `json:"stats"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, fmt.Errorf("decode Envoy's stats: %w", err)
	}
	values := make(map[string]uint64, len(doc.Stats))
	for _, s := range doc.Stats {
		if v, err := strconv.ParseUint(string(s.Value), 10, 64); err == nil {
			values[s.Name] = v
		}
	}
	return values, nil
}

// Active counts the requests in flight over all listeners, without the admin interface's own.
func (a *Client) Active(ctx context.Context) (uint64, error) {
	stats, err := a.Stats(ctx, `^http\..*\.downstream_rq_active$`)
	if err != nil {
		return 0, err
	}
	var n uint64
	for name, v := range stats {
		if !strings.HasPrefix(name, "http.admin.") {
			n += v
		}
	}
	return n, nil
}

// Drain tells Envoy to have its clients leave: it is not ready any more, and each answer ends its connection (HTTP/1 "connection: close",
// HTTP/2 GOAWAY). Listeners stay open, since a load balancer hears of it later. It returns once that has had its time and no request
// is in flight; or, with an error, when ctx ends or Envoy does.
func (a *Client) Drain(ctx context.Context, settle time.Duration) error {
	if _, err := a.Do(ctx, http.MethodPost, "/healthcheck/fail"); err != nil {
		return err
	}
	settled := time.NewTimer(settle)
	defer settled.Stop()
	select {
	case <-settled.C:
		return a.Idle(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Idle waits until no request is in flight.
func (a *Client) Idle(ctx context.Context) error {
	var last uint64
	var failed error
	for {
		n, err := a.Active(ctx)
		if err == nil && n == 0 {
			return nil
		}
		if err == nil {
			last, failed = n, nil
		} else if ctx.Err() == nil { // a question cut short by ctx says nothing about Envoy
			failed = err
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%d requests in flight: %w", last, context.Cause(ctx)), failed)
		case <-time.After(idlePoll):
		}
	}
}

// brief is the first line of an answer, cut to what fits in a message.
func brief(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	return strings.ToValidUTF8(line[:min(len(line), 300)], "")
}
