package fake

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server is an HTTP/1.1 and clear-text HTTP/2 server on a loopback address.
type Server struct {
	url      string
	http     *http.Server
	cancel   context.CancelFunc
	handlers sync.WaitGroup
	served   chan struct{}
}

// serve listens on the loopback address addr ("" for any free port of 127.0.0.1) until ctx ends or Close is called.
func serve(ctx context.Context, addr string, h http.Handler) (*Server, error) {
	lis, err := listenLoopback(ctx, addr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &Server{url: "http://" + lis.Addr().String(), cancel: cancel, served: make(chan struct{})}
	s.http = &http.Server{
		Handler:           s.counted(h),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		Protocols:         new(http.Protocols),
	}
	s.http.Protocols.SetHTTP1(true)
	s.http.Protocols.SetUnencryptedHTTP2(true)
	context.AfterFunc(ctx, func() { s.http.Close() })
	go func() {
		defer close(s.served)
		s.http.Serve(lis) // always ends with ErrServerClosed or the listener's death; either way there is nobody to tell
	}()
	return s, nil
}

// listenLoopback refuses to listen where another machine could reach a fake.
func listenLoopback(ctx context.Context, addr string) (net.Listener, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("listen on %s: not a loopback address", addr)
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", addr)
}

// counted lets Close wait for the handlers too, since http.Server.Close does not.
func (s *Server) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.handlers.Add(1)
		defer s.handlers.Done()
		h.ServeHTTP(w, r)
	})
}

// URL is the base URL, such as http://127.0.0.1:40123, without a path.
func (s *Server) URL() string { return s.url }

// Addr is the host and port of URL.
func (s *Server) Addr() string { return s.url[len("http://"):] }

// Close ends the server, its connections and what still hangs, and waits for them. It may be called more than once.
func (s *Server) Close() {
	s.cancel()
	s.http.Close()
	<-s.served
	s.handlers.Wait()
}
