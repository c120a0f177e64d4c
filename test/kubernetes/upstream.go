package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"

	"bartizan/test/fake"
	"bartizan/test/kubernetes/host"
)

// Credentials of the vendors. No client knows them.
const (
	anthropicKey   = "sk-ant-test-upstream"
	openAIKey      = "sk-test-upstream"
	warehouseToken = "test-warehouse-upstream"
)

// upstreams are model providers and an MCP server outside the cluster. What reaches them is witnessed.
type upstreams struct {
	witness
	anthropic, openAI, warehouse string // URLs, as pods reach them
}

// witness notes every request that comes to an upstream by its user-agent, and how often it came. It is safe for concurrent use.
type witness struct {
	mu   sync.Mutex
	seen map[string]int
}

func (w *witness) note(tag string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[tag]++
}

// all returns everything that has come.
func (w *witness) all() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := make(map[string]int, len(w.seen))
	for tag, n := range w.seen {
		seen[tag] = n
	}
	return seen
}

// startUpstreams starts the fakes, which listen on loopback, and before each a witness on the node's address. They end with ctx.
func startUpstreams(ctx context.Context) (*upstreams, error) {
	u := &upstreams{witness: witness{seen: map[string]int{}}}
	anthropic, err := fake.StartAnthropic(ctx, fake.Options{Key: anthropicKey})
	if err != nil {
		return nil, err
	}
	openAI, err := fake.StartOpenAI(ctx, fake.Options{Key: openAIKey})
	if err != nil {
		return nil, err
	}
	warehouse, err := fake.StartMCP(ctx, fake.MCPOptions{Token: warehouseToken})
	if err != nil {
		return nil, err
	}
	for from, to := range map[*string]string{&u.anthropic: anthropic.URL(), &u.openAI: openAI.URL(), &u.warehouse: warehouse.URL()} {
		if *from, err = u.before(ctx, to); err != nil {
			return nil, err
		}
	}
	u.warehouse += fake.MCPPath
	return u, nil
}

// before puts the witness before an upstream and returns the URL.
func (u *upstreams) before(ctx context.Context, upstream string) (string, error) {
	target, err := url.Parse(upstream)
	if err != nil {
		return "", err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		FlushInterval: -1,                                       // streams are passed on at once
		Transport:     &http.Transport{DisableKeepAlives: true}, // a connection that is reused may be cut while its answer is read
		ErrorLog:      log.New(io.Discard, "", 0),               // of clients that have left
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host.Address, "0"))
	if err != nil {
		return "", err
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.note(r.UserAgent())
		body, err := io.ReadAll(r.Body) // whole, before the upstream can answer
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	})
	server := &http.Server{Handler: handler, Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	context.AfterFunc(ctx, func() { server.Close() })
	go server.Serve(listener) // ends with Close; there is nobody to tell otherwise
	return "http://" + listener.Addr().String(), nil
}
