package envoy

import (
	"context"
	"encoding/json"
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
	adminTime = 5 * time.Second // for one answer of the admin interface
	maxAdmin  = 16 << 20        // bytes of one answer
)

// adminClient speaks to Envoy's admin interface over its Unix socket.
type adminClient struct{ http *http.Client }

func newAdminClient(socket string) adminClient {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return adminClient{&http.Client{Timeout: adminTime, Transport: &http.Transport{DialContext: dial, MaxIdleConns: 1}}}
}

func (a adminClient) close() { a.http.CloseIdleConnections() }

// do sends one request and returns the body of the answer, which must be 200.
func (a adminClient) do(ctx context.Context, method, target string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://envoy"+target, nil)
	if err != nil {
		return nil, err
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask Envoy's admin interface: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAdmin+1))
	if err != nil {
		return nil, fmt.Errorf("read Envoy's %s: %w", target, err)
	}
	if len(body) > maxAdmin {
		return nil, fmt.Errorf("read Envoy's %s: more than %d bytes", target, maxAdmin)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask Envoy's %s: status %d: %s", target, resp.StatusCode, firstLine(string(body)))
	}
	return body, nil
}

func (a adminClient) listeners(ctx context.Context) (map[string]string, error) {
	body, err := a.do(ctx, http.MethodGet, "/listeners?format=json")
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

func (a adminClient) stats(ctx context.Context, filter string) (map[string]uint64, error) {
	body, err := a.do(ctx, http.MethodGet, "/stats?format=json&filter="+url.QueryEscape(filter))
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

// active counts the requests in flight over all listeners, without the admin interface's own.
func (a adminClient) active(ctx context.Context) (uint64, error) {
	stats, err := a.stats(ctx, `^http\..*\.downstream_rq_active$`)
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
