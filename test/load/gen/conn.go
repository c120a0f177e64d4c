package gen

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"
)

// Fresh is what in a body stands for the number of the request: seven digits, with which what stands around it is new each time.
const Fresh = "@number"

// Request is what is sent, always the same but for what [Fresh] stands for.
type Request struct {
	URL    string // http, host a loopback address
	Method string // empty: POST
	Header http.Header
	Body   []byte // read-only
}

// prepared is a request as bytes.
type prepared struct {
	addr  string
	bytes []byte
	fresh []int         // where numbers go
	first int64         // number of the first request: another one than that of the run before
	http  *http.Request // for http.ReadResponse, which asks it for the method
}

func (r Request) prepare() (*prepared, error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return nil, fmt.Errorf("read target: %w", err)
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme != "http" || ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("target %s: want http and a loopback address", u.Redacted())
	}
	method := r.Method
	if method == "" {
		method = http.MethodPost
	}
	req, err := http.NewRequest(method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	for name, values := range r.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
		req.Header.Del("Host")
	}
	var out bytes.Buffer
	if err := req.Write(&out); err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	p := &prepared{addr: u.Host, bytes: out.Bytes(), first: time.Now().UnixMilli(), http: req}
	for at := 0; ; at += len(Fresh) {
		next := bytes.Index(p.bytes[at:], []byte(Fresh))
		if next < 0 {
			return p, nil
		}
		at += next
		p.fresh = append(p.fresh, at)
	}
}

// numbered is the request of a number. It takes the place of into, which is the one that the connection has sent before.
func (p *prepared) numbered(n int64, into []byte) []byte {
	if len(p.fresh) == 0 {
		return p.bytes
	}
	if into == nil {
		into = bytes.Clone(p.bytes)
	}
	digits := fmt.Sprintf("%07d", (p.first+n)%10_000_000)
	for _, at := range p.fresh {
		copy(into[at:], digits)
	}
	return into
}

// reachable tells a wrong target from a bad one.
func (p *prepared) reachable(ctx context.Context) error {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", p.addr)
	if err != nil {
		return fmt.Errorf("reach target: %w", err)
	}
	return c.Close()
}

// conn is the connection of one worker. It is opened when it is needed, and anew after a failure.
type conn struct {
	request *prepared
	sent    []byte
	timeout time.Duration
	net     net.Conn
	buf     *bufio.Reader
	stop    func() bool // of the watch that ends the connection with ctx
	seen    seen
	chunk   [16 << 10]byte
}

// seen is what one exchange showed.
type seen struct {
	first, end time.Time
	bytes      int64
	eventLog
}

// exchange sends the request of number n and reads the answer to its end. The result is valid until the next exchange; reason is empty
// when all went well.
func (c *conn) exchange(ctx context.Context, n int64) (s *seen, reason string) {
	c.seen.reset()
	if err := c.open(ctx); err != nil {
		return &c.seen, "dial"
	}
	c.sent = c.request.numbered(n, c.sent)
	keep, status, err := c.roundTrip()
	c.seen.end = time.Now()
	if err != nil || !keep {
		c.close()
	}
	switch {
	case err != nil:
		return &c.seen, reasonOf(err)
	case status < 200 || status > 299:
		return &c.seen, fmt.Sprintf("status %d", status)
	}
	return &c.seen, ""
}

func (c *conn) open(ctx context.Context) error {
	if c.net != nil {
		return nil
	}
	d := net.Dialer{Timeout: c.timeout}
	conn, err := d.DialContext(ctx, "tcp", c.request.addr)
	if err != nil {
		return err
	}
	c.net, c.buf = conn, bufio.NewReaderSize(conn, 16<<10)
	c.stop = context.AfterFunc(ctx, func() { conn.Close() })
	return nil
}

func (c *conn) close() {
	if c.net != nil {
		c.stop()
		c.net.Close()
		c.net = nil
	}
}

func (c *conn) roundTrip() (keep bool, status int, err error) {
	c.net.SetDeadline(time.Now().Add(c.timeout))
	if _, err = c.net.Write(c.sent); err != nil {
		return false, 0, err
	}
	if _, err = c.buf.Peek(1); err != nil {
		return false, 0, err
	}
	c.seen.first = time.Now()
	resp, err := http.ReadResponse(c.buf, c.request.http)
	if err != nil {
		return false, 0, err
	}
	defer resp.Body.Close()
	return !resp.Close, resp.StatusCode, c.read(resp)
}

func (c *conn) read(resp *http.Response) error {
	events := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream")
	for {
		n, err := resp.Body.Read(c.chunk[:])
		c.seen.bytes += int64(n)
		if events && n > 0 {
			c.seen.take(c.chunk[:n], time.Now())
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// reasonOf sorts an error into one of few words, so that their number is bounded.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "cut"
	default:
		return "malformed"
	}
}
