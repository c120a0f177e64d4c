package pin

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bartizan/filters/sse"
)

// maxAnswer bounds one answer that is kept, in bytes.
const maxAnswer = 32 << 20

// tap is the client's HTTP transport. It adds the headers, and keeps the answers to requests that list something.
type tap struct {
	headers http.Header
	mu      sync.Mutex
	kept    []*capture
}

// capture is one answer as it came.
type capture struct {
	method string
	id     string // of the request, raw
	stream bool   // server-sent events
	mu     sync.Mutex
	body   bytes.Buffer
}

// RoundTrip sends a request.
func (t *tap) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	for name, values := range t.headers {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	c, err := captureFor(req)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || c == nil || res.StatusCode != http.StatusOK {
		return res, err
	}
	c.stream = strings.HasPrefix(strings.ToLower(res.Header.Get("Content-Type")), "text/event-stream")
	res.Body = &teed{ReadCloser: res.Body, to: c}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, c)
	return res, nil
}

// captureFor reads which method a request calls; nil where its answer is not wanted.
func captureFor(req *http.Request) (*capture, error) {
	if req.Method != http.MethodPost || req.Body == nil {
		return nil, nil
	}
	raw, err := limited(req.Body, maxAnswer)
	req.Body.Close()
	if err != nil {
		return nil, err
	}
	req.Body = io.NopCloser(bytes.NewReader(raw))
	var m struct {
		ID     jsontext.Value `json:"id"`
		Method string         `json:"method"`
	}
	if json.Unmarshal(raw, &m) != nil {
		return nil, nil
	}
	if _, wanted := methods[m.Method]; !wanted {
		return nil, nil
	}
	return &capture{method: m.Method, id: string(m.ID)}, nil
}

func (t *tap) captures() []*capture {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.kept)
}

// teed copies what is read.
type teed struct {
	io.ReadCloser
	to *capture
}

func (b *teed) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.to.mu.Lock()
	defer b.to.mu.Unlock()
	if b.to.body.Len()+n <= maxAnswer {
		b.to.body.Write(p[:n])
	}
	return n, err
}

// result is the raw members of the result that answers the request; none where it was answered with an error.
func (c *capture) result() (map[string]jsontext.Value, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	messages := [][]byte{c.body.Bytes()}
	if c.stream {
		messages = nil
		r := &sse.Reader{Limit: maxAnswer}
		for e := range r.Feed(c.body.Bytes()) {
			messages = append(messages, bytes.Clone(e.Data))
		}
	}
	for _, raw := range messages {
		var m struct {
			ID     jsontext.Value            `json:"id"`
			Result map[string]jsontext.Value `json:"result"`
			Error  jsontext.Value            `json:"error"`
		}
		if len(raw) == 0 || json.Unmarshal(raw, &m) != nil || string(m.ID) != c.id {
			continue
		}
		return m.Result, nil
	}
	return nil, errNoAnswer
}
