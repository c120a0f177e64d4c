package aggregate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"bartizan/extproc/sealed"
	"bartizan/filters/sse"

	"github.com/go-json-experiment/json/jsontext"
)

// Names of headers, as net/http spells them.
const (
	headerVersion = "Mcp-Protocol-Version"
	headerMethod  = "Mcp-Method"
	headerName    = "Mcp-Name"
	headerSession = "Mcp-Session-Id"
	headerParam   = "Mcp-Param-"
)

// passed are the headers of a client's request that go on to the servers: what it says of itself, and of the trace it belongs to.
var passed = []string{
	"User-Agent", "Accept-Language", "Traceparent", "Tracestate", "Baggage", "X-Claude-Code-Session-Id", "X-Claude-Code-Agent-Id",
}

// origin is what all requests to servers inherit from the client's request that they follow from.
type origin struct {
	sealed.Caller
	headers http.Header
}

// owner names the caller, for what belongs to one.
func (o origin) owner() string {
	return o.Identity.Method + "\x00" + o.Identity.Key + "\x00" + o.Identity.User
}

// withoutParams is for requests to servers other than the one that a client's Mcp-Param-* headers are meant for.
func (o origin) withoutParams() origin {
	o.headers = o.headers.Clone()
	maps.DeleteFunc(o.headers, func(name string, _ []string) bool { return strings.HasPrefix(name, headerParam) })
	return o
}

func inherited(h http.Header) http.Header {
	out := http.Header{}
	for name, values := range h {
		if slices.Contains(passed, name) || strings.HasPrefix(name, headerParam) {
			out[name] = values
		}
	}
	return out
}

// maxAnswer bounds one message of a server. Envoy and extproc hold the same to their own limits before.
const maxAnswer = 16 << 20

// gate is the way to the servers: through Envoy, which asks extproc about each request.
type gate struct {
	client *http.Client
	key    *sealed.Key
}

func newGate(socket string, key *sealed.Key) *gate {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &gate{key: key, client: &http.Client{
		Transport:     &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// send makes one request to a server. The caller's own key is not known here: the gate believes the seal.
func (g *gate) send(ctx context.Context, o origin, method, server string, headers map[string]string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://gate/mcp/"+server, bytes.NewReader(body)) //nolint:gosec // a registered server, at the one socket
	if err != nil {
		return nil, err
	}
	req.Header = o.headers.Clone()
	req.Header.Set("Accept", "application/json, text/event-stream")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range headers {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	req.Header.Set(sealed.CallerHeader, g.key.SealCaller(sealed.ToGate, o.Caller, time.Now()))
	res, err := g.client.Do(req) //nolint:gosec // the same
	if err != nil {
		return nil, fmt.Errorf("reach %s: %w", server, err)
	}
	return res, nil
}

// statusError is an answer that is no message.
type statusError struct {
	server string
	status int
}

func (e *statusError) Error() string { return fmt.Sprintf("%s answers %d", e.server, e.status) }

// read reads the answer to a request: the response of this id. What comes before it goes to other. With a nil id it reads to the end
// of the stream.
func read(server string, res *http.Response, id jsontext.Value, other func(*message)) (*message, error) {
	defer res.Body.Close()
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if media == "text/event-stream" && res.StatusCode == http.StatusOK {
		return readEvents(server, res.Body, id, other)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer of %s: %w", server, err)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("the answer of %s is larger than %d bytes", server, maxAnswer)
	}
	m, err := readMessage(body)
	if err != nil || m.method != "" {
		return nil, &statusError{server, res.StatusCode}
	}
	return m, nil
}

func readEvents(server string, body io.Reader, id jsontext.Value, other func(*message)) (*message, error) {
	events := sse.Reader{Limit: maxAnswer}
	chunk := make([]byte, 32<<10)
	for {
		n, err := body.Read(chunk)
		var response *message
		for e := range events.Feed(chunk[:n]) {
			if response != nil || len(e.Data) == 0 {
				continue
			}
			m, err := readMessage(bytes.Clone(e.Data))
			switch {
			case err != nil: // extproc lets none pass
			case m.method == "" && id != nil && bytes.Equal(m.id, id):
				response = m
			case m.method != "":
				other(m)
			}
		}
		switch {
		case response != nil:
			return response, nil
		case events.Err() != nil:
			return nil, fmt.Errorf("read the answer of %s: %w", server, events.Err())
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%s ended its answer without a response", server)
		case err != nil:
			return nil, fmt.Errorf("read the answer of %s: %w", server, err)
		}
	}
}
