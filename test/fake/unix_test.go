package fake_test

import (
	"net"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// serveUnix serves on a Unix socket for the length of a test, and connects to it.
func serveUnix(tb testing.TB, server *grpc.Server) *grpc.ClientConn {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "s")
	lis, err := new(net.ListenConfig).Listen(tb.Context(), "unix", path)
	if err != nil {
		tb.Fatal(err)
	}
	go server.Serve(lis)
	tb.Cleanup(server.Stop)
	conn, err := grpc.NewClient("unix://"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return conn
}
