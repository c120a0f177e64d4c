package env

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"bartizan/envoy"
	"bartizan/envoy/admin"
	"bartizan/test/authority"
)

// Containers is a gateway as Kubernetes runs it: Envoy as a process of its own, started with nothing but what `bartizan bootstrap` wrote; replicas
// of the control server on TCP with mutual TLS behind one name; the kubelet's probes. The embedded Fleet has the rest.
type Containers struct {
	*Fleet
	Replicas  []*Process           // of the control server
	Service   *Balancer            // their one name
	Envoy     *Process             // not the Fleet's
	Admin     *admin.Client        // of Envoy
	Authority *authority.Authority // of the fleet's certificates

	addresses []string // of the replicas
	args      []string
}

// ContainersOptions configure Containers. Extra flags are those of `bartizan xds`.
type ContainersOptions struct {
	FleetOptions
	Replicas int // of the control server; 0: 1
	XDSArgs  []string

	Repository func(dir string) (string, error) // where the control server finds the repository of dir; nil: there
}

// XDSName is what the control server's certificate says.
const XDSName = "bartizan-xds.gateway.svc"

// StartContainers starts all of it in dir, which must be short and private. It returns when the gateway is ready.
func StartContainers(ctx context.Context, dir string, o ContainersOptions) (*Containers, error) {
	binary, err := Binary()
	if err != nil {
		return nil, err
	}
	c := &Containers{Fleet: &Fleet{Dir: dir, Binary: binary, options: o.FleetOptions}, args: o.XDSArgs}
	if o.Repository != nil {
		if c.options.Policies, err = o.Repository(o.Policies); err != nil {
			return nil, err
		}
	}
	if err := c.start(ctx, max(o.Replicas, 1)); err != nil {
		err = fmt.Errorf("%w\n%s", err, c.Logs())
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Containers) start(ctx context.Context, replicas int) (err error) {
	if c.Authority, err = authority.New(); err != nil {
		return err
	}
	for role, name := range map[string]string{"xds": XDSName, "envoy": "envoy.bartizan", "extproc": "extproc.bartizan"} {
		if err := c.Renew(role, name); err != nil {
			return err
		}
	}
	if err := c.writeSecrets(); err != nil {
		return err
	}
	if err := c.StartNATS(); err != nil {
		return err
	}
	if c.NATS, err = nats.Connect(c.nats.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond)); err != nil {
		return err
	}
	if c.Service, err = NewBalancer(); err != nil {
		return err
	}
	for i := range replicas {
		if err := c.addReplica(i); err != nil {
			return err
		}
		// The balancer leads to the first that listens, and a node stays where it was led to.
		if err := c.Replicas[i].await(ctx, "listener", func() bool { return listens("tcp", c.addresses[i]) }); err != nil {
			return err
		}
	}
	c.Service.Use(c.addresses...)
	if err := c.RestartExtproc(ctx); err != nil {
		return err
	}
	return c.StartEnvoy(ctx)
}

// Renew issues a certificate anew, as the kubelet would mount it.
func (c *Containers) Renew(role string, names ...string) error {
	return c.Authority.Mount(c.path("certs/"+role), names...)
}

func (c *Containers) trust(role string) []string {
	dir := c.path("certs/" + role)
	return []string{"--tls-cert", dir + "/tls.crt", "--tls-key", dir + "/tls.key", "--tls-ca", dir + "/ca.crt"}
}

func (c *Containers) addReplica(i int) error {
	address, err := FreeAddress()
	if err != nil {
		return err
	}
	c.addresses, c.Replicas = append(c.addresses, address), append(c.Replicas, nil)
	return c.StartReplica(i)
}

// StartReplica starts a control server, again after it was killed.
func (c *Containers) StartReplica(i int) (err error) {
	args := append([]string{
		"xds", "--policies", c.options.Policies, "--poll", "200ms", "--secrets", c.path("secrets"), "--certificates", c.path("tls"),
		"--listen", c.addresses[i], "--status", "unix:" + c.path("status"+strconv.Itoa(i)+".sock"),
	}, append(c.trust("xds"), c.args...)...)
	c.Replicas[i], err = Run("bartizan xds", c.Binary, nil, args...)
	if i == 0 {
		c.XDS = c.Replicas[0]
	}
	return err
}

// RestartExtproc starts the inspection service again after it was killed, on the same volume, and waits until it can decide.
func (c *Containers) RestartExtproc(ctx context.Context) (err error) {
	socket := c.path("extproc.sock")
	args := append([]string{
		"extproc", "--state", c.path("extproc"), "--listen", "unix:" + socket, "--control-server", c.Service.Address(), "--tls-name", XDSName,
		"--nats-url", c.nats.GatewayURL(), "--node-id", "pod-0", "--drain", "4s", "--settle", "500ms", "--metrics", "unix:" + c.path("metrics.sock"),
		"--probes", "unix:" + c.path("probes.sock"), "--envoy-admin", "unix:" + c.path("envoy/admin.sock"),
	}, append(c.trust("extproc"), c.options.ExtProcArgs...)...)
	if c.Extproc, err = Run("bartizan extproc", c.Binary, nil, args...); err != nil {
		return err
	}
	return c.Extproc.await(ctx, socket, func() bool { return listens("unix", socket) && c.decides(ctx, c.path("metrics.sock")) })
}

// StartEnvoy starts Envoy, again after it ended, and waits until the gateway is ready.
func (c *Containers) StartEnvoy(ctx context.Context) error {
	write, err := Run("bartizan bootstrap", c.Binary, nil, append([]string{
		"bootstrap", "--run-dir", c.path("envoy"), "--control-server", c.Service.Address(), "--tls-name", XDSName,
		"--extproc", "unix:" + c.path("extproc.sock"), "--node-id", "pod-0",
	}, c.trust("envoy")...)...)
	if err != nil {
		return err
	}
	if <-write.Done(); write.err != nil {
		return fmt.Errorf("bartizan bootstrap: %w: %s", write.err, write.Output())
	}
	binary, err := envoy.Find(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	c.Envoy, err = Run("envoy", binary, nil, "--config-path", c.path("envoy/envoy.json"), "--concurrency", "2", "--disable-hot-restart",
		"--drain-strategy", "immediate", "--log-level", "warning")
	if err != nil {
		return err
	}
	c.Admin = admin.New(c.path("envoy/admin.sock"))
	err = c.Envoy.await(ctx, "ready gateway", func() bool { code, _, err := c.Probe(ctx, "/gateway"); return err == nil && code == http.StatusOK })
	if err != nil {
		return err
	}
	listeners, err := c.Admin.Listeners(ctx)
	c.URL = "http://" + listeners["http"]
	return err
}

// Probe asks as the kubelet does.
func (c *Containers) Probe(ctx context.Context, path string) (code int, text string, err error) {
	return ask(ctx, c.path("probes.sock"), path)
}

// AskReplica asks a control server over HTTP.
func (c *Containers) AskReplica(ctx context.Context, i int, path string) (code int, text string, err error) {
	return ask(ctx, c.path("status"+strconv.Itoa(i)+".sock"), path)
}

func ask(ctx context.Context, socket, path string) (code int, text string, err error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://pod"+path, nil)
	if err != nil {
		return 0, "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), err
}

// Logs is everything that the processes have written.
func (c *Containers) Logs() string {
	logs := ""
	for _, p := range append([]*Process{c.Extproc, c.Envoy}, c.Replicas...) {
		if p != nil {
			logs += "--- " + p.name + "\n" + p.Output()
		}
	}
	return logs
}

// Close ends everything.
func (c *Containers) Close() {
	if c.Envoy != nil {
		c.Envoy.Kill()
		c.Admin.Close()
	}
	for _, p := range c.Replicas {
		if p != nil {
			p.Kill()
		}
	}
	c.XDS = nil
	if c.Service != nil {
		c.Service.Close()
	}
	c.Fleet.Close()
}

// FreeAddress is a TCP address on which nobody listens now. Its port is below those that kernels choose, so that no client or server of
// another test has it when it is used, or used again.
func FreeAddress() (string, error) {
	var failed error
	for range 100 {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(20_000+rand.IntN(12_000))))
		if err == nil {
			return l.Addr().String(), l.Close()
		}
		failed = err
	}
	return "", fmt.Errorf("find a free address: %w", failed)
}

// Balancer is a Kubernetes Service for tests: one address before several, of which each connection goes to the first that takes it.
type Balancer struct {
	listener net.Listener
	wait     sync.WaitGroup

	mu       sync.Mutex
	backends []string
	conns    map[net.Conn]bool
	closed   bool
}

// NewBalancer listens on a free port, with nothing behind it yet.
func NewBalancer() (*Balancer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &Balancer{listener: l, conns: map[net.Conn]bool{}}
	b.wait.Go(b.accept)
	return b, nil
}

// Address is host:port.
func (b *Balancer) Address() string { return b.listener.Addr().String() }

// Use replaces what stands behind the address. Connections that are there stay.
func (b *Balancer) Use(backends ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.backends = backends
}

func (b *Balancer) accept() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.wait.Go(func() { b.serve(conn) })
	}
}

func (b *Balancer) serve(conn net.Conn) {
	defer conn.Close()
	b.mu.Lock()
	backends := b.backends
	b.mu.Unlock()
	for _, address := range backends {
		up, err := net.Dial("tcp", address)
		if err != nil {
			continue
		}
		defer up.Close()
		if !b.keep(conn, up) {
			return
		}
		defer b.forget(conn, up)
		b.wait.Go(func() { _, _ = io.Copy(up, conn); up.Close(); conn.Close() })
		_, _ = io.Copy(conn, up)
		return
	}
}

func (b *Balancer) keep(conns ...net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range conns {
		b.conns[c] = true
	}
	return !b.closed
}

func (b *Balancer) forget(conns ...net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range conns {
		delete(b.conns, c)
	}
}

// Cut breaks every connection, so that clients come anew.
func (b *Balancer) Cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.conns {
		c.Close()
	}
}

// Close ends it.
func (b *Balancer) Close() {
	b.listener.Close()
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.Cut()
	b.wait.Wait()
}
