package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"bartizan/envoy"
	"bartizan/test/load/proc"
	"bartizan/test/load/sample"
	"bartizan/xds"
	"bartizan/xds/snapshot"
)

// system is one variant as it runs: a control server, a processor unless it is the bare one, and Envoy.
type system struct {
	variant   variant
	dir       string
	url       string // where requests go
	control   *control
	processor *child // nil: bare
	envoy     *envoy.Process
	envoyLog  tailBuffer
}

// startTime is how long a variant may take to serve; the first one may install Envoy.
const startTime = 3 * time.Minute

func startSystem(ctx context.Context, w *world, v variant) (*system, error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	s := &system{variant: v, dir: filepath.Join(w.dir, fmt.Sprint("v", int(v)))}
	if err := s.start(ctx, w); err != nil {
		err = fmt.Errorf("%w\n%s", err, s.logs())
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *system) start(ctx context.Context, w *world) (err error) {
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return err
	}
	s.control = startControl(xds.Service{
		Repository: xds.Repository{Location: w.policies}, Listen: "unix:" + s.path("xds.sock"),
		Options: snapshot.Options{SecretsDir: s.dir, CAFile: xds.SystemCAFile(), Bare: s.variant == bare},
	})
	if err := s.startProcessor(ctx, w); err != nil {
		return err
	}
	if err := s.startEnvoy(ctx); err != nil {
		return err
	}
	for _, pid := range s.pids() {
		if err := proc.Pin(pid, w.cores.measured); err != nil {
			return err
		}
	}
	return s.probe(ctx)
}

func (s *system) path(name string) string { return filepath.Join(s.dir, name) }

// startProcessor gives the processor one Go thread at a time, since it gets one core.
func (s *system) startProcessor(ctx context.Context, w *world) (err error) {
	one, socket := []string{"GOMAXPROCS=1"}, s.path("extproc.sock")
	switch s.variant {
	case bare:
		return nil
	case noop:
		s.processor, err = startChild("noop", nil, one, w.noop, socket)
	default:
		s.processor, err = startChild("bartizan extproc", nil, one, w.binary, "extproc", "--state", s.path("state"), "--listen", "unix:"+socket,
			"--control-server", "unix:"+s.path("xds.sock"), "--nats-url", w.nats.GatewayURL(), "--node-id", "load")
	}
	if err != nil {
		return err
	}
	return s.processor.awaitFile(ctx, socket)
}

func (s *system) startEnvoy(ctx context.Context) (err error) {
	s.envoy, err = envoy.Start(ctx, envoy.Config{
		RunDir: s.path("envoy"), ControlServer: "unix:" + s.path("xds.sock"), ExtProcSocket: s.path("extproc.sock"), NodeID: "envoy/load",
		Concurrency: 1, StopTime: -1, Log: slog.New(slog.NewTextHandler(&s.envoyLog, nil)),
	})
	if err != nil {
		return err
	}
	if err := s.envoy.Ready(ctx, 1); err != nil {
		return err
	}
	listeners, err := s.envoy.Listeners(ctx)
	s.url = "http://" + listeners["http"]
	return err
}

// probe sends one request and looks whether the answer comes from what this variant is meant to be.
func (s *system) probe(ctx context.Context) error {
	resp, err := s.ask(ctx, sample.Key)
	if err != nil {
		return err
	}
	judged := resp.Header.Get("X-Bartizan-Decision") != ""
	if resp.StatusCode != http.StatusOK || judged != (s.variant == bartizan) {
		return fmt.Errorf("a first request got %s, and was judged: %t", resp.Status, judged)
	}
	if s.variant != bartizan {
		return nil
	}
	if resp, err = s.ask(ctx, "bz-nobody"); err == nil && resp.StatusCode == http.StatusOK {
		return fmt.Errorf("a stranger got %s", resp.Status)
	}
	return err
}

func (s *system) ask(ctx context.Context, key string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+sample.Path, bytes.NewReader(sample.Small(false)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Api-Key", key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("send a first request: %w", err)
	}
	return resp, resp.Body.Close()
}

// pids are the processes that are measured.
func (s *system) pids() []int {
	pids := []int{s.envoy.PID()}
	if s.processor != nil {
		pids = append(pids, s.processor.pid())
	}
	return pids
}

func (s *system) logs() string {
	text := ""
	if s.processor != nil {
		text = "--- " + s.processor.name + "\n" + s.processor.log.String()
	}
	if log := s.envoyLog.String(); log != "" {
		text += "--- Envoy of " + s.variant.String() + "\n" + log
	}
	return text
}

func (s *system) close() {
	if s.envoy != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_ = s.envoy.Stop(ctx) // measured is measured
		cancel()
	}
	if s.processor != nil {
		s.processor.kill()
	}
	if s.control != nil {
		s.control.close()
	}
}

// control is a control server within this process: only here can listeners be bare.
type control struct {
	stop context.CancelFunc
	done chan struct{}
}

func startControl(service xds.Service) *control {
	ctx, stop := context.WithCancel(context.Background())
	c := &control{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		if err := service.Run(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "control server:", err)
		}
	}()
	return c
}

func (c *control) close() {
	c.stop()
	<-c.done
}
