// Peer is the other two ends of a benchmark in a process of their own, so that they can be pinned to other CPUs than what is
// measured: the upstream that answers, and the driver that asks.
//
// It promises one JSON object on standard output: the upstream's address once it listens, the driver's result when it is
// done. Both stay on loopback addresses. The exit code is 1 for a mistake in the arguments or a target that cannot be
// reached; failed requests are part of a result, and no error.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"bartizan/test/load/gen"
	"bartizan/test/load/proc"
	"bartizan/test/load/upstream"
)

type cli struct {
	CPUs     []int       `name:"cpus" help:"CPUs to run on; default: wherever the system allows."`
	Upstream upstreamCmd `cmd:"" help:"Answer requests until it is told to end (SIGINT, SIGTERM)."`
	Drive    driveCmd    `cmd:"" help:"Send requests, and print what was measured."`
}

type upstreamCmd struct {
	Listen string        `help:"Loopback host:port." default:"127.0.0.1:0"`
	Size   int           `help:"Bytes of a JSON answer." default:"10240"`
	Events int           `help:"Events of a stream." default:"200"`
	Gap    time.Duration `help:"Pause between two events; without one they come as fast as they are taken." default:"0s"`
}

type driveCmd struct {
	URL      string            `arg:"" help:"Where to send to: http, a loopback address."`
	Workers  int               `help:"Connections." default:"1"`
	Rate     float64           `help:"Requests a second, for an open loop; 0: each worker as fast as it can." default:"0"`
	Duration time.Duration     `help:"How long, warm-up included." default:"0s"`
	Count    int64             `help:"How many requests; 0: as many as the duration allows." default:"0"`
	Warmup   time.Duration     `help:"How long from the start nothing is measured." default:"0s"`
	Timeout  time.Duration     `help:"Of one request." default:"30s"`
	Header   map[string]string `help:"Header lines, NAME=VALUE." short:"H" mapsep:"none"`
	Body     string            `help:"File with the body; -: standard input; none: a small Messages request." default:""`
}

// defaultBody is the request that is sent where no other is named.
const defaultBody = `{"model":"claude-load","max_tokens":1024,"messages":[{"role":"user","content":"How were the sales?"}]}`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c cli
	k := kong.Parse(&c, kong.Name("peer"), kong.BindTo(ctx, (*context.Context)(nil)), kong.BindTo(os.Stdout, (*io.Writer)(nil)))
	if len(c.CPUs) > 0 {
		k.FatalIfErrorf(proc.Pin(os.Getpid(), c.CPUs...))
	}
	k.FatalIfErrorf(k.Run())
}

// Run serves until ctx ends.
func (u upstreamCmd) Run(ctx context.Context, out io.Writer) error {
	h, err := upstream.New(upstream.Options{Size: u.Size, Events: u.Events, Gap: u.Gap})
	if err != nil {
		return err
	}
	addr, err := net.ResolveTCPAddr("tcp", u.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", u.Listen, err)
	}
	if !addr.IP.IsLoopback() {
		return fmt.Errorf("listen on %s: not a loopback address", u.Listen)
	}
	lis, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := json.NewEncoder(out).Encode(map[string]any{"url": "http://" + lis.Addr().String(), "pid": os.Getpid()}); err != nil {
		return err
	}
	if err := server.Serve(lis); ctx.Err() == nil {
		return err
	}
	return nil
}

// result is what drive prints.
type result struct {
	gen.Result
	// CPU is the driver's own time in seconds, warm-up included: near Elapsed, it is the driver that was measured.
	CPU float64 `json:"driver_cpu_s"`
}

// Run sends until the load is done or ctx ends.
func (d driveCmd) Run(ctx context.Context, out io.Writer) error {
	body, err := d.body()
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	for name, value := range d.Header {
		header.Set(name, value)
	}
	before, err := proc.CPUTime(os.Getpid())
	if err != nil {
		return err
	}
	r, err := gen.Run(ctx, gen.Request{URL: d.URL, Header: header, Body: body}, gen.Load{
		Workers: d.Workers, Rate: d.Rate, Duration: d.Duration, Count: d.Count, Warmup: d.Warmup, Timeout: d.Timeout,
	})
	if err != nil {
		return err
	}
	after, err := proc.CPUTime(os.Getpid())
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(result{Result: r, CPU: (after - before).Seconds()})
}

func (d driveCmd) body() ([]byte, error) {
	switch d.Body {
	case "":
		return []byte(defaultBody), nil
	case "-":
		return io.ReadAll(os.Stdin)
	default:
		return os.ReadFile(d.Body)
	}
}
