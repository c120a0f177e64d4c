// Noop is an ext_proc service that lets everything pass, in a process of its own: what Bartizan is compared with. It speaks gRPC with
// the very settings of extproc/server, so that what differs is what is done with the messages.
//
// It serves on one Unix socket until SIGINT or SIGTERM, and judges nothing: never put it in front of traffic.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	alsv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"bartizan/extproc/server"
	"bartizan/test/fake"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: noop SOCKET")
		os.Exit(2)
	}
	if err := serve(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "noop:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, socket string) error {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s := grpc.NewServer(server.Transport()...)
	extproc.RegisterExternalProcessorServer(s, fake.NewNoopProcessor())
	alsv3.RegisterAccessLogServiceServer(s, accessLogs{})
	healthpb.RegisterHealthServer(s, health.NewServer())
	defer context.AfterFunc(ctx, s.Stop)()
	return s.Serve(l)
}

// accessLogs reads Envoy's access log away: it tells of exchanges that went wrong.
type accessLogs struct {
	alsv3.UnimplementedAccessLogServiceServer
}

func (accessLogs) StreamAccessLogs(rpc alsv3.AccessLogService_StreamAccessLogsServer) error {
	for {
		if _, err := rpc.Recv(); err != nil {
			return nil
		}
	}
}
