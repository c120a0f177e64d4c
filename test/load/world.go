package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bartizan/extproc/audit/natsd"
	"bartizan/extproc/audit/stream"
	"bartizan/test/load/proc"
	"bartizan/test/load/sample"
)

// cores are the CPUs of a run.
type cores struct {
	measured int // Envoy and the processor
	rest     int // generator, upstream, NATS (in this process), control servers (in this process)
}

// world is everything that runs while it is measured.
type world struct {
	dir      string // private and short: Unix socket paths are bounded
	binary   string // bartizan
	peer     string // the binary of generator and upstream
	noop     string // the binary of the no-op processor
	policies string // folder
	cores    cores

	nats      *natsd.Server
	conn      *nats.Conn
	upstream  *child
	systems   [variants]*system
	exchanges uint64 // sent to Bartizan: so many records there must be
}

// newWorld starts all variants side by side. The idle ones cost next to nothing.
func newWorld(ctx context.Context, binary string) (*world, error) {
	w := &world{binary: binary}
	if err := w.start(ctx); err != nil {
		err = fmt.Errorf("%w\n%s", err, w.logs())
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *world) start(ctx context.Context) (err error) {
	if w.binary, err = filepath.Abs(w.binary); err != nil {
		return err
	}
	if w.dir, err = os.MkdirTemp("", "bzload"); err != nil {
		return err
	}
	if err := w.takeCores(); err != nil {
		return err
	}
	if err := w.build(ctx); err != nil {
		return err
	}
	if w.nats, err = natsd.Start(natsd.Options{StateDir: filepath.Join(w.dir, "nats")}); err != nil {
		return err
	}
	if w.conn, err = nats.Connect(w.nats.URL()); err != nil {
		return fmt.Errorf("connect to NATS: %w", err)
	}
	url, err := w.startUpstream(ctx)
	if err != nil {
		return err
	}
	if err := w.writePolicies(url); err != nil {
		return err
	}
	for v := range variants {
		if w.systems[v], err = startSystem(ctx, w, v); err != nil {
			return fmt.Errorf("start %s: %w", v, err)
		}
	}
	return nil
}

// takeCores moves this process, and so all that it starts, to the second CPU.
func (w *world) takeCores() error {
	cpus, err := proc.CPUs()
	if err != nil {
		return err
	}
	if len(cpus) < 2 {
		return errors.New("this process may run on one CPU only: measuring needs one for what is measured and one for the load")
	}
	w.cores = cores{measured: cpus[0], rest: cpus[1]}
	return proc.Pin(os.Getpid(), w.cores.rest)
}

// build makes the two helpers that run as processes of their own.
func (w *world) build(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", w.dir+"/", "bartizan/test/load/peer", "bartizan/test/load/noop")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build helpers: %w\n%s", err, out)
	}
	w.peer, w.noop = filepath.Join(w.dir, "peer"), filepath.Join(w.dir, "noop")
	return nil
}

// startUpstream returns the upstream's URL, which is the first line that it writes.
func (w *world) startUpstream(ctx context.Context) (string, error) {
	r, out := io.Pipe()
	defer r.Close()
	defer context.AfterFunc(ctx, func() { r.CloseWithError(ctx.Err()) })()
	var err error
	if w.upstream, err = startChild("upstream", out, nil, w.peer, "upstream"); err != nil {
		return "", err
	}
	go func() {
		<-w.upstream.done
		out.CloseWithError(errors.New("the upstream ended"))
	}()
	line, err := bufio.NewReader(r).ReadBytes('\n')
	if err != nil {
		return "", fmt.Errorf("read the upstream's address: %w\n%s", err, w.upstream.log.String())
	}
	var said struct{ URL string }
	if err := json.Unmarshal(line, &said); err != nil {
		return "", fmt.Errorf("read the upstream's address: %w", err)
	}
	return said.URL, nil
}

func (w *world) writePolicies(upstream string) error {
	w.policies = filepath.Join(w.dir, "policies")
	if err := os.Mkdir(w.policies, 0o700); err != nil {
		return err
	}
	for name, text := range sample.Policies(upstream) {
		if err := os.WriteFile(filepath.Join(w.policies, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// records is how many records the stream has ever taken.
func (w *world) records(ctx context.Context) (uint64, error) {
	js, err := jetstream.New(w.conn)
	if err != nil {
		return 0, err
	}
	s, err := js.Stream(ctx, stream.Name)
	if err != nil {
		return 0, fmt.Errorf("look at the records: %w", err)
	}
	return s.CachedInfo().State.LastSeq, nil
}

func (w *world) logs() string {
	text := ""
	for _, s := range w.systems {
		if s != nil {
			text += s.logs()
		}
	}
	if w.upstream != nil {
		text += "--- upstream\n" + w.upstream.log.String()
	}
	return text
}

func (w *world) close() {
	for _, s := range w.systems {
		if s != nil {
			s.close()
		}
	}
	if w.upstream != nil {
		w.upstream.kill()
	}
	if w.conn != nil {
		w.conn.Close()
	}
	if w.nats != nil {
		w.nats.Shutdown()
	}
	if w.cores != (cores{}) {
		_ = proc.Pin(os.Getpid(), w.cores.measured, w.cores.rest)
	}
	if w.dir != "" {
		_ = os.RemoveAll(w.dir)
	}
}
