package env

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"bartizan/envoy"
	"bartizan/extproc/audit/natsd"
	"bartizan/xds/status"
)

// Fleet is a gateway with each role in a process of its own: xds, extproc, Envoy. NATS is embedded in the calling process.
type Fleet struct {
	Dir     string
	Binary  string
	XDS     *Process
	Extproc *Process
	Envoy   *envoy.Process
	URL     string     // of the listener "http"
	NATS    *nats.Conn // as the reader of records
	Records *Records   // set by the caller with Follow

	nats     *natsd.Server
	natsAddr string
	envoyLog output
	options  FleetOptions
	second   struct { // of StartSecond
		extproc *Process
		envoy   *envoy.Process
	}
}

// FleetOptions configure a fleet.
type FleetOptions struct {
	Policies    string            // the policy repository
	Secrets     map[string]string // secret name → credential
	ExtProc     string            // the socket of another ext_proc service; empty: bartizan extproc is started
	ExtProcArgs []string          // further flags of bartizan extproc
	Concurrency int               // Envoy's worker threads; 0: 2
	HeapBytes   uint64            // Envoy's; 0: its default
}

// StartFleet starts all roles in dir, which must be short and private. It returns when Envoy serves.
func StartFleet(ctx context.Context, dir string, o FleetOptions) (*Fleet, error) {
	binary, err := Binary()
	if err != nil {
		return nil, err
	}
	f := &Fleet{Dir: dir, Binary: binary, options: o}
	if err := f.start(ctx); err != nil {
		err = fmt.Errorf("%w\n%s", err, f.Logs())
		f.Close()
		return nil, err
	}
	return f, nil
}

func (f *Fleet) start(ctx context.Context) (err error) {
	if err := f.writeSecrets(); err != nil {
		return err
	}
	if err := f.StartNATS(); err != nil {
		return err
	}
	if f.NATS, err = nats.Connect(f.nats.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond)); err != nil {
		return err
	}
	if err := f.StartXDS(ctx); err != nil {
		return err
	}
	if f.options.ExtProc == "" {
		if err := f.StartExtproc(ctx); err != nil {
			return err
		}
	}
	return f.startEnvoy(ctx)
}

func (f *Fleet) path(name string) string { return filepath.Join(f.Dir, name) }

func (f *Fleet) writeSecrets() error {
	if err := os.MkdirAll(f.path("secrets"), 0o700); err != nil {
		return err
	}
	for name, value := range f.options.Secrets {
		if err := os.WriteFile(filepath.Join(f.path("secrets"), name), []byte(value), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// StartNATS starts NATS, again after StopNATS: with the same records, on the same address.
func (f *Fleet) StartNATS() (err error) {
	if f.natsAddr == "" {
		if f.natsAddr, err = FreeAddress(); err != nil {
			return err
		}
	}
	server, err := natsd.Start(natsd.Options{StateDir: f.path("nats"), Addr: f.natsAddr})
	if err != nil {
		return err
	}
	f.nats = server
	return nil
}

// StopNATS takes NATS away. Records that were read stay in Records, which reads no further ones: use Follow again afterwards.
func (f *Fleet) StopNATS() { f.nats.Shutdown() }

// StartXDS starts the control server, again after it was killed, and waits until it can be asked for its status.
func (f *Fleet) StartXDS(ctx context.Context) (err error) {
	socket := f.path("status.sock")
	_ = os.Remove(socket)
	if f.XDS, err = Run("bartizan xds", f.Binary, nil, "xds", "--policies", f.options.Policies, "--poll", "200ms", "--secrets", f.path("secrets"),
		"--aggregator", f.path("aggregator.sock"), "--gate", f.path("gate.sock"),
		"--listen", "unix:"+f.path("xds.sock"), "--status", "unix:"+socket); err != nil {
		return err
	}
	return f.XDS.await(ctx, socket, func() bool { _, err := os.Stat(socket); return err == nil })
}

// StartExtproc starts the inspection service, again after it was killed, and waits until it can decide.
func (f *Fleet) StartExtproc(ctx context.Context) (err error) {
	args := append([]string{"--aggregator", "unix:" + f.path("aggregator.sock"), "--gate", "unix:" + f.path("gate.sock")}, f.options.ExtProcArgs...)
	f.Extproc, err = f.startExtproc(ctx, first, args...)
	return err
}

func (f *Fleet) startExtproc(ctx context.Context, r replica, more ...string) (*Process, error) {
	socket, metrics := r.path(f, "extproc", ".sock"), r.path(f, "metrics", ".sock")
	_ = os.Remove(socket)
	args := append([]string{
		"extproc", "--state", r.path(f, "extproc", ""), "--listen", "unix:" + socket, "--control-server", "unix:" + f.path("xds.sock"),
		"--nats-url", f.nats.GatewayURL(), "--node-id", r.node, "--drain", "2s", "--metrics", "unix:" + metrics,
	}, more...)
	p, err := Run("bartizan extproc", f.Binary, nil, args...)
	if err != nil {
		return nil, err
	}
	return p, p.await(ctx, socket, func() bool { return listens("unix", socket) && f.decides(ctx, metrics) })
}

// replica is an inspection service with the Envoy before it.
type replica struct{ node, suffix string }

var (
	first  = replica{node: "one"}
	second = replica{node: "two", suffix: "-two"}
)

func (r replica) path(f *Fleet, name, extension string) string {
	return f.path(name + r.suffix + extension)
}

// listens is more than that the socket is there: it is before anybody listens on it.
func listens(network, address string) bool {
	conn, err := net.Dial(network, address)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

func (f *Fleet) decides(ctx context.Context, metrics string) bool {
	res, err := f.admin(ctx, metrics, "/readyz")
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

func (f *Fleet) startEnvoy(ctx context.Context) (err error) {
	extproc := f.options.ExtProc
	if extproc == "" {
		extproc = first.path(f, "extproc", ".sock")
	}
	f.Envoy, f.URL, err = f.newEnvoy(ctx, first, extproc)
	return err
}

// newEnvoy starts an Envoy, and returns the URL of its listener "http".
func (f *Fleet) newEnvoy(ctx context.Context, r replica, extproc string) (*envoy.Process, string, error) {
	concurrency := f.options.Concurrency
	if concurrency == 0 {
		concurrency = 2
	}
	e, err := envoy.Start(ctx, envoy.Config{
		RunDir: r.path(f, "envoy", ""), ControlServer: "unix:" + f.path("xds.sock"), ExtProcSocket: extproc, NodeID: "envoy/" + r.node,
		Concurrency: concurrency, HeapBytes: f.options.HeapBytes, StopTime: -1, Log: slog.New(slog.NewTextHandler(&f.envoyLog, nil)),
	})
	if err != nil {
		return nil, "", err
	}
	if err := e.Ready(ctx, 1); err != nil {
		return e, "", err
	}
	listeners, err := e.Listeners(ctx)
	return e, "http://" + listeners["http"], err
}

// StartSecond starts a second inspection service with an Envoy of its own, beside the first and on the same NATS, and returns the URL
// of its listener "http".
func (f *Fleet) StartSecond(ctx context.Context) (url string, err error) {
	if f.second.extproc, err = f.startExtproc(ctx, second); err != nil {
		return "", err
	}
	f.second.envoy, url, err = f.newEnvoy(ctx, second, second.path(f, "extproc", ".sock"))
	return url, err
}

// Live waits until a commit is in force on every node.
func (f *Fleet) Live(ctx context.Context, commit string) error {
	for {
		s, err := f.Status(ctx)
		if err == nil && s.Live != nil && s.Live.Commit == commit && s.Live.Nodes == len(s.Nodes) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("commit %s is not live: %w (last status %+v, error %w)", commit, ctx.Err(), s, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Status asks the control server.
func (f *Fleet) Status(ctx context.Context) (status.Status, error) {
	return status.Fetch(ctx, f.path("status.sock"))
}

// Metric asks extproc for one metric by its name, labels included as Prometheus writes them.
func (f *Fleet) Metric(ctx context.Context, name string) (float64, error) {
	res, err := f.admin(ctx, first.path(f, "metrics", ".sock"), "/metrics")
	if err != nil {
		return 0, fmt.Errorf("ask extproc for its metrics: %w", err)
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("extproc has no metric %s", name)
}

// AwaitMetric waits until a metric of extproc is at least so high.
func (f *Fleet) AwaitMetric(ctx context.Context, name string, least float64) error {
	for {
		value, err := f.Metric(ctx, name)
		if err == nil && value >= least {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is %g, not %g: %w", name, value, least, errors.Join(ctx.Err(), err))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// admin asks the administrative listener of an extproc.
func (f *Fleet) admin(ctx context.Context, socket, path string) (*http.Response, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://extproc"+path, nil)
	if err != nil {
		return nil, err
	}
	return client.Do(req)
}

// Logs is everything that the processes have written.
func (f *Fleet) Logs() string {
	logs := ""
	for _, p := range []*Process{f.XDS, f.Extproc, f.second.extproc} {
		if p != nil {
			logs += "--- " + p.name + "\n" + p.Output()
		}
	}
	return logs + "--- envoy\n" + f.envoyLog.String()
}

// Close ends everything.
func (f *Fleet) Close() {
	for _, e := range []*envoy.Process{f.Envoy, f.second.envoy} {
		if e != nil {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			_ = e.Stop(ctx)
			cancel()
		}
	}
	for _, p := range []*Process{f.Extproc, f.second.extproc, f.XDS} {
		if p != nil {
			p.Kill()
		}
	}
	if f.NATS != nil {
		f.NATS.Close()
	}
	if f.nats != nil {
		f.nats.Shutdown()
	}
}
