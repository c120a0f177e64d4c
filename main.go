// Command bartizan is the control plane between AI agents, models and tools: it sees, judges and records every model call and
// every MCP call. `bartizan up` runs all of it on one machine; `bartizan --help` shows the rest.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // rules may name time zones, on images without any

	"github.com/alecthomas/kong"
	"github.com/mattn/go-isatty"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"bartizan/envoy"
	"bartizan/envoy/socket"
	"bartizan/extproc"
	"bartizan/extproc/audit/chain"
	"bartizan/extproc/audit/natsd"
	"bartizan/extproc/audit/stream"
	"bartizan/extproc/audit/tail"
	"bartizan/filters/manifest"
	"bartizan/xds"
	"bartizan/xds/pin"
	"bartizan/xds/starter"
	"bartizan/xds/status"
)

// Exit codes beside 0 and 1.
const (
	exitUsage       = 2
	exitPolicyError = 3 // the policy repository does not compile
	exitBroken      = 4 // verify: the chain of records is broken
	exitDrift       = 5 // pin --dry-run: the server offers what is not pinned, or not what is
	exitInterrupted = 130
)

type cli struct {
	LogLevel  slog.Level `default:"info" help:"What to log: debug, info, warn or error."`
	LogFormat string     `default:"text" enum:"text,json" help:"How to log: text or json."`

	Up      upCmd      `cmd:"" help:"Run the whole gateway on this machine: Envoy, judging, control server, NATS."`
	Init    initCmd    `cmd:"" help:"Write a starter policy repository."`
	Check   checkCmd   `cmd:"" help:"Read a policy repository and report every error in it."`
	Key     keyCmd     `cmd:"" help:"Virtual keys."`
	Pin     pinCmd     `cmd:"" help:"Approve what an MCP server offers: write its definitions into the policy repository."`
	Status  statusCmd  `cmd:"" help:"Which commit is live on which node, and who refused what."`
	Tail    tailCmd    `cmd:"" help:"Follow decisions as they arrive."`
	Verify  verifyCmd  `cmd:"" help:"Prove that no record is missing or changed."`
	Extproc extprocCmd `cmd:"" help:"Run the inspection service alone."`
	Xds     xdsCmd     `cmd:"" name:"xds" help:"Run the control server alone."`
	Boot    bootCmd    `cmd:"" name:"bootstrap" help:"Write what an Envoy of its own container starts with."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

func main() {
	var c cli
	host, _ := os.Hostname()
	parser := kong.Must(&c, kong.Name("bartizan"), kong.Vars{"hostname": host}, kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Description("The gateway between AI agents, models and tools: it sees, judges and records every model call and every MCP call."))
	command, err := parser.Parse(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "bartizan: %v: bartizan --help lists what there is\n", err)
		os.Exit(exitUsage)
	}
	command.BindTo(interruptible(), (*context.Context)(nil))
	command.Bind(c.logger())
	os.Exit(report(command.Run()))
}

// interruptible returns a context that ends with the first SIGINT or SIGTERM. A second Ctrl-C ends the process at once, and with it
// Envoy; a further SIGTERM, which a supervisor may send right after a terminal's Ctrl-C, changes nothing. The goroutine lives as long
// as the process: a signal's disposition cannot be changed without a moment in which that signal kills.
func interruptible() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		for s := range signals {
			if s == os.Interrupt {
				os.Exit(exitInterrupted)
			}
		}
	}()
	return ctx
}

func (c cli) logger() *slog.Logger {
	opts := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, opts))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, opts))
}

// report prints an error once and says with what to exit.
func report(err error) int {
	var mistakes manifest.Errors
	var broken brokenChain
	var drift drifted
	switch {
	case err == nil:
		return 0
	case errors.As(err, &mistakes):
		fmt.Fprintln(os.Stderr, mistakes.Error())
		fmt.Fprintf(os.Stderr, "bartizan: the policy repository does not compile; mistakes: %d\n", len(mistakes))
		return exitPolicyError
	case errors.As(err, &broken):
		return exitBroken
	case errors.As(err, &drift):
		return exitDrift
	default:
		fmt.Fprintln(os.Stderr, "bartizan:", err)
		return 1
	}
}

// policyFlags name a policy repository.
type policyFlags struct {
	Policies string        `default:"policies" env:"BARTIZAN_POLICIES" help:"Policy repository: a Git repository (path or URL, also bare) or a plain folder."`
	Branch   string        `help:"Branch of a Git repository; empty: the one that HEAD names."`
	Path     string        `help:"Folder of the policies within the repository."`
	Poll     time.Duration `default:"2s" help:"How often to look for a new commit."`
	Watch    bool          `help:"Follow the files as they are, committed or not, even in a Git repository."`
	Git      string        `name:"git-credentials" type:"path" help:"Folder with username and password (https) or ssh-privatekey and known_hosts (ssh), and ca.crt where needed."`
	Keys     string        `type:"path" help:"Folder with documents of kind VirtualKeys beside the repository, such as a mounted Secret."`
}

func (p policyFlags) source(log *slog.Logger) xds.Repository {
	return xds.Repository{Location: p.Policies, Branch: p.Branch, Path: p.Path, Poll: p.Poll, Watch: p.Watch, Credentials: p.Git, Keys: p.Keys, Log: log}
}

// stateFlag names the folder that a gateway on this machine keeps its state in.
type stateFlag struct {
	State string `type:"path" default:".bartizan/state" env:"BARTIZAN_STATE" help:"Folder for records, provider credentials and sockets."`
}

// defaultState is the state folder of commands without --state.
func defaultState() string {
	if named := os.Getenv("BARTIZAN_STATE"); named != "" {
		return kong.ExpandPath(named)
	}
	return kong.ExpandPath(".bartizan/state")
}

func (s stateFlag) socket(name string) string { return filepath.Join(s.State, "run", name) }

type upCmd struct {
	policyFlags
	stateFlag
	natsFlags
	NATSListen  string        `name:"nats-listen" default:"127.0.0.1:4222" help:"Where the embedded NATS listens without --nats-url; loopback only."`
	Metrics     string        `default:"127.0.0.1:9464" help:"Where /metrics, /healthz and /readyz are served; empty: nowhere."`
	Concurrency int           `help:"Envoy's worker threads; 0: as many as processors."`
	Drain       time.Duration `default:"10s" help:"How long running exchanges may take to end."`
	Wait        time.Duration `default:"2m" help:"How long the start may take, the download of Envoy included."`
}

// Run starts the roles from the inside out, and ends them from the outside in.
func (c *upCmd) Run(ctx context.Context, log *slog.Logger) error {
	repository := c.source(log.With("role", "xds"))
	first, err := repository.Load(ctx, c.options())
	if err != nil {
		return err
	}
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := c.free(first); err != nil {
		return err
	}
	if err := first.Certified(); err != nil {
		return err
	}
	missing, err := first.WriteSecrets(c.options().SecretsDir, os.LookupEnv)
	if err != nil {
		return err
	}
	nats := c.server()
	if nats.URL == "" {
		server, err := natsd.Start(natsd.Options{StateDir: filepath.Join(c.State, "nats"), Addr: c.NATSListen, Logger: log.With("role", "nats")})
		if err != nil {
			return err
		}
		defer server.Shutdown()
		nats.URL = server.GatewayURL()
	}

	// Two contexts: Envoy ends first, so that what stands behind it is never missed by a request.
	inner, endInner := context.WithCancel(context.WithoutCancel(ctx))
	defer endInner()
	group, inner := errgroup.WithContext(inner)
	group.Go(func() error { return c.xds(repository).Run(inner) })
	group.Go(func() error { return extproc.Run(inner, c.extproc(nats, log)) })
	err = c.envoy(ctx, inner, beginning{first, missing}, log.With("role", "envoy"))
	if inner.Err() != nil {
		err = nil // a role ended by itself: what went wrong with Envoy only follows from that
	}
	endInner()
	return errors.Join(err, group.Wait())
}

// beginning is what the gateway starts with.
type beginning struct {
	*xds.Loaded
	missing []xds.Secret
}

// lock makes the state folder and takes it for this process, whose end lets go of it.
func (c *upCmd) lock() (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Join(c.State, "run"), 0o700); err != nil {
		return nil, fmt.Errorf("make state folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(c.State, "up.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock state folder: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("a gateway runs with state folder %s already: end it, or give another --state", c.State)
	}
	forget := func() { _ = os.Remove(c.endpoints()) }
	forget() // of a gateway that was killed
	return func() { forget(); f.Close() }, nil
}

// free reports an address that another program has before anything is started.
func (c *upCmd) free(first *xds.Loaded) error {
	if c.NATSURL == "" {
		if err := socket.Free(c.NATSListen); err != nil {
			return fmt.Errorf("--nats-listen: %w", err)
		}
	}
	if c.Metrics != "" {
		if err := socket.Free(c.Metrics); err != nil {
			return fmt.Errorf("--metrics: %w", err)
		}
	}
	return first.Free()
}

func (c *upCmd) options() xds.Options {
	return xds.Options{
		SecretsDir: filepath.Join(c.State, "secrets"), CAFile: xds.SystemCAFile(),
		Aggregator: c.socket("aggregator.sock"), Gate: c.socket("gate.sock"),
	}
}

func (c *upCmd) xds(repository xds.Repository) xds.Service {
	return xds.Service{Repository: repository, Options: c.options(), Listen: "unix:" + c.socket("xds.sock"), Status: "unix:" + c.socket("status.sock")}
}

func (c *upCmd) extproc(nats stream.Server, log *slog.Logger) extproc.Config {
	return extproc.Config{
		NodeID: "local", Version: version(), Listen: "unix:" + c.socket("extproc.sock"), ControlServer: "unix:" + c.socket("xds.sock"),
		StateDir: filepath.Join(c.State, "extproc"), Aggregator: "unix:" + c.socket("aggregator.sock"), Gate: "unix:" + c.socket("gate.sock"),
		NATS: nats, Admin: c.Metrics, Drain: c.Drain, Log: log.With("role", "extproc"),
	}
}

// envoy runs Envoy until ctx ends or what stands behind it does, whose error is not returned here.
func (c *upCmd) envoy(ctx, inner context.Context, first beginning, log *slog.Logger) error {
	start, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	defer context.AfterFunc(inner, cancel)()
	process, err := envoy.Start(start, envoy.Config{
		RunDir: c.socket("envoy"), ControlServer: "unix:" + c.socket("xds.sock"), ExtProcSocket: c.socket("extproc.sock"), NodeID: "envoy/local",
		Concurrency: c.Concurrency, StopTime: c.Drain, Log: log,
	})
	if err == nil {
		defer c.stop(ctx, process, log)
		err = c.serving(start, process, first)
	}
	if ctx.Err() != nil {
		return errors.New("interrupted before the gateway was up")
	}
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-inner.Done():
		return nil
	case <-process.Done():
		return process.Err()
	}
}

// serving waits until Envoy serves, and says so.
func (c *upCmd) serving(ctx context.Context, process *envoy.Process, first beginning) error {
	if err := process.Ready(ctx, len(first.Listeners)); err != nil {
		return err
	}
	listeners, err := process.Listeners(ctx)
	if err != nil {
		return err
	}
	return c.announce(listeners, first)
}

func (c *upCmd) stop(ctx context.Context, process *envoy.Process, log *slog.Logger) {
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.Drain+10*time.Second)
	defer cancel()
	if err := process.Stop(stop); err != nil {
		log.Warn("envoy was ended out of order", "error", err)
	}
}

// endpoints is the file that tells other programs where the gateway serves. It is there while it does.
func (c *upCmd) endpoints() string { return filepath.Join(c.State, "endpoints.json") }

// announce says how to use the gateway, and leaves its addresses for other programs.
func (c *upCmd) announce(listeners map[string]string, first beginning) error {
	raw, err := json.MarshalIndent(map[string]any{"listeners": listeners, "commit": first.Commit}, "", "  ")
	if err != nil {
		return err
	}
	fmt.Printf("\nbartizan is up: %s at commit %.12s\n", c.Policies, first.Commit)
	for _, l := range first.Listeners {
		if len(listeners) > 1 {
			fmt.Printf("\nlistener %s\n", l.Name)
		}
		if err := first.WriteClients(os.Stdout, l, listeners[l.Name]); err != nil {
			return err
		}
	}
	for _, m := range first.missing {
		fmt.Printf("\n  Warning: no credential %s, so its upstream refuses every call: set %s and start again.\n", m.Name, m.Variable)
	}
	command, state, edit := os.Args[0], "", "edit and commit"
	if strings.HasPrefix(first.Commit, "dir-") {
		edit = "edit the files"
	}
	if c.State != defaultState() {
		state = " --state " + c.State
	}
	fmt.Printf("\n  virtual keys    those of the Gateway; one more: %s key new --user you@example.com --group developers\n", command)
	fmt.Printf("  rules           %s; in force within %s. Before: %s check --policies %s\n", edit, c.Poll, command, c.Policies)
	fmt.Printf("  decisions       %s tail%s\n  state, proof    %[1]s status%[2]s    %[1]s verify%[2]s\n\n  Ctrl-C ends it.\n\n", command, state)
	return c.publish(raw)
}

// publish writes endpoints.json at once: who waits for it never reads half of it. It holds the addresses of the start; a commit may move them.
func (c *upCmd) publish(raw []byte) error {
	err := os.WriteFile(c.endpoints()+".new", append(raw, '\n'), 0o600)
	if err == nil {
		err = os.Rename(c.endpoints()+".new", c.endpoints())
	}
	if err != nil {
		return fmt.Errorf("write endpoints: %w", err)
	}
	return nil
}

// trustFlags say how the two sides of a TCP connection know each other.
type trustFlags struct {
	TLSCert   string `name:"tls-cert" type:"path" help:"This side's certificate (PEM), for TCP. Renewed files are taken up without a restart."`
	TLSKey    string `name:"tls-key" type:"path" help:"Its key (PEM)."`
	TLSCA     string `name:"tls-ca" type:"path" help:"Who must have signed the other side's certificate (PEM)."`
	TLSName   string `name:"tls-name" help:"What the control server's certificate must name; empty: the host that is called."`
	Plaintext bool   `help:"TCP without TLS: who reaches the port can read rules, or be a node."`
}

func (f trustFlags) trust() socket.Trust {
	return socket.Trust{Cert: f.TLSCert, Key: f.TLSKey, CA: f.TLSCA, Name: f.TLSName, Plaintext: f.Plaintext}
}

type xdsCmd struct {
	policyFlags
	trustFlags
	Listen        string `required:"" help:"Delta ADS: unix:/path or host:port."`
	Status        string `help:"Status, metrics and health over HTTP: unix:/path or host:port."`
	Webhook       string `help:"Where a forge tells of new commits, POST /webhook: host:port."`
	WebhookSecret string `name:"webhook-secret-file" type:"path" help:"File of the secret of the webhook: GitHub's HMAC or GitLab's token."`

	Secrets string `default:"/etc/bartizan/secrets" help:"Folder of provider credentials, as Envoy sees it."`

	Certificates string `help:"Folder of the listeners' certificates, each a folder with tls.crt and tls.key, as Envoy sees it; empty: that of the secrets."`

	Aggregator string `default:"/run/bartizan/aggregator.sock" help:"Unix socket of the MCP aggregator of bartizan extproc, as Envoy sees it."`
	Gate       string `default:"/run/bartizan/gate.sock" help:"Unix socket on which Envoy hears the aggregator."`

	CAFile string `name:"ca-file" help:"Certificates that upstreams are checked against, as Envoy sees them; empty: this machine's."`
}

// Run serves until interrupted.
func (c *xdsCmd) Run(ctx context.Context, log *slog.Logger) error {
	if c.CAFile == "" {
		c.CAFile = xds.SystemCAFile()
	}
	return xds.Service{
		Repository: c.source(log), Listen: c.Listen, Trust: c.trust(), Status: c.Status, Webhook: c.Webhook, WebhookSecret: c.WebhookSecret, Options: xds.Options{
			SecretsDir: c.Secrets, CertificatesDir: c.Certificates, CAFile: c.CAFile, Aggregator: c.Aggregator, Gate: c.Gate,
		},
	}.Run(ctx)
}

type extprocCmd struct {
	stateFlag
	trustFlags
	natsFlags
	Listen         string        `required:"" help:"Where Envoy comes: unix:/path or host:port."`
	ControlServer  string        `required:"" env:"BARTIZAN_CONTROL_SERVER" help:"The control server: unix:/path or host:port."`
	StreamReplicas int           `name:"nats-stream-replicas" default:"1" help:"Copies of the stream of records, where this replica makes it: 3 on a cluster."`
	NodeID         string        `default:"${hostname}" env:"BARTIZAN_NODE_ID" help:"Name of this replica."`
	Aggregator     string        `help:"Where the MCP aggregator serves, for Envoy alone: unix:/path; empty: there is none."`
	Gate           string        `help:"Where Envoy hears the aggregator: unix:/path, the --gate of bartizan xds."`
	Metrics        string        `help:"Where /metrics, /healthz and /readyz are served: unix:/path or host:port."`
	Probes         string        `help:"Where a pod's kubelet asks: /healthz, /readyz, and of the whole gateway /gateway and /drain. For nobody else: a drain ends its service."`
	EnvoyAdmin     string        `help:"Admin socket of the Envoy of this pod, for /gateway and /drain: unix:/path."`
	Drain          time.Duration `default:"20s" help:"How long running exchanges may take to end."`
	Settle         time.Duration `default:"5s" help:"How long /drain waits at least, since load balancers hear late that a pod leaves."`
	Budget         int64         `help:"Bytes of request bodies under judgement at once; 0: 1 GiB."`
}

// Run serves until interrupted.
func (c *extprocCmd) Run(ctx context.Context, log *slog.Logger) error {
	return extproc.Run(ctx, extproc.Config{
		NodeID: c.NodeID, Version: version(), Listen: c.Listen, ControlServer: c.ControlServer, StateDir: c.State, NATS: c.server(), Stream: stream.Config{Replicas: c.StreamReplicas},
		Trust: c.trust(), Aggregator: c.Aggregator, Gate: c.Gate, Admin: c.Metrics, Probes: c.Probes, EnvoyAdmin: strings.TrimPrefix(c.EnvoyAdmin, "unix:"), Drain: c.Drain, Settle: c.Settle, Budget: c.Budget, Log: log,
	})
}

type bootCmd struct {
	trustFlags
	RunDir         string `required:"" type:"path" help:"Folder for envoy.json and Envoy's admin socket (admin.sock); made for its owner alone."`
	ControlServer  string `required:"" env:"BARTIZAN_CONTROL_SERVER" help:"The control server: unix:/path or host:port."`
	Extproc        string `required:"" help:"The inspection service: unix:/path."`
	NodeID         string `default:"${hostname}" env:"BARTIZAN_NODE_ID" help:"Name of this Envoy."`
	Cluster        string `default:"bartizan" help:"Name of the group of Envoys."`
	HeapBytes      uint64 `help:"The heap at which Envoy refuses all work; 0: 1 GiB."`
	MaxConnections int    `help:"Client connections over all listeners; 0: 10,000."`
}

// Run writes the files and says with what Envoy is to be started.
func (c *bootCmd) Run() error {
	file, err := envoy.WriteBootstrap(envoy.Config{
		RunDir: c.RunDir, ControlServer: c.ControlServer, ExtProcSocket: strings.TrimPrefix(c.Extproc, "unix:"), Trust: c.trust(), NodeID: "envoy/" + c.NodeID, Cluster: c.Cluster,
		HeapBytes: c.HeapBytes, MaxConnections: c.MaxConnections,
	})
	if err == nil {
		fmt.Println("envoy --config-path", file, "--disable-hot-restart --drain-strategy immediate")
	}
	return err
}

type initCmd struct {
	Dir   string   `arg:"" optional:"" default:"policies" type:"path" help:"Folder to make; it must be empty or absent."`
	User  string   `default:"me@localhost" help:"Who the first virtual key stands for."`
	Group []string `default:"developers" help:"Groups of that user."`
}

// Run writes the repository and shows its first key, once.
func (c *initCmd) Run() error {
	key := starter.NewKey(c.User, c.Group)
	if err := starter.Write(c.Dir, key.YAML); err != nil {
		return err
	}
	fmt.Printf("%s is a Git repository with a starter policy.\n\nVirtual key for %s, shown this once:\n\n    %s\n\n", c.Dir, c.User, key.Text)
	fmt.Printf("Next: ANTHROPIC_API_KEY=<the provider's key> %s up --policies %s\n", os.Args[0], c.Dir)
	return nil
}

type checkCmd struct {
	policyFlags
	Committed bool   `help:"Read the last commit, as the gateway does, and not the files as they are."`
	Output    string `short:"o" default:"text" enum:"text,json" help:"text or json."`
}

// Run reports every error, or what the repository amounts to. It changes nothing. Where there are files to edit it reads these, so that
// a mistake is seen before it is committed.
func (c *checkCmd) Run(ctx context.Context, log *slog.Logger) error {
	repository := c.source(log)
	if c.Branch == "" && !c.Committed && repository.HasFiles() {
		repository.Watch = true
	}
	loaded, err := repository.Load(ctx, xds.Options{})
	var mistakes, warnings manifest.Errors
	if err == nil {
		warnings = loaded.Warnings
	}
	if c.Output == "json" && (err == nil || errors.As(err, &mistakes)) {
		if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"ok": err == nil, "errors": mistakes, "warnings": warnings}); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	if c.Output == "text" {
		what := fmt.Sprintf("commit %.12s", loaded.Commit)
		if strings.HasPrefix(loaded.Commit, "dir-") {
			what = "the files as they are"
		}
		for _, w := range warnings {
			fmt.Println("warning:", w)
		}
		fmt.Printf("%s, %s: sound; %s\n", c.Policies, what, loaded.Summary())
	}
	return nil
}

type keyCmd struct {
	New keyNewCmd `cmd:"" help:"Make a virtual key: shows it once, and the lines for the Gateway."`
}

type keyNewCmd struct {
	User  string   `required:"" help:"Who the key stands for, such as an e-mail address."`
	Group []string `help:"A group of that user; may be given more than once."`
}

// Run prints the key to standard error and the YAML to standard output, so that the YAML can be redirected without the key.
func (c *keyNewCmd) Run() error {
	key := starter.NewKey(c.User, c.Group)
	fmt.Fprintf(os.Stderr, "The key, shown this once:\n\n    %s\n\nFor spec.virtualKeys of the Gateway:\n\n", key.Text)
	fmt.Print(key.YAML)
	return nil
}

type pinCmd struct {
	stateFlag
	Server         string   `arg:"" help:"The McpServer."`
	Policies       string   `default:"policies" env:"BARTIZAN_POLICIES" type:"path" help:"Folder of the policy repository, where people edit."`
	URL            string   `help:"Ask here; empty: the url of the McpServer. Through a gateway, only what is approved already is seen."`
	Key            string   `env:"BARTIZAN_KEY" help:"A virtual key, for a --url of a gateway."`
	Header         []string `sep:"none" help:"A header of the requests, as in 'Authorization: Bearer ...'; without one, the server's secret of the state folder."`
	DryRun         bool     `help:"Write nothing; exit with 5 where something would change."`
	AcceptFindings bool     `help:"Pin definitions even where something was found that must not reach a model."`
	Output         string   `short:"o" default:"text" enum:"text,json" help:"text or json."`
}

type drifted struct{ error }

// Run asks the server and writes one file. What is in it counts once it is committed.
func (c *pinCmd) Run(ctx context.Context) error {
	place, err := pin.Find(ctx, c.Policies, c.Server)
	if err != nil {
		return err
	}
	server, err := c.server(place)
	if err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	offer, err := pin.Fetch(asking, server)
	if err != nil {
		return err
	}
	set, err := offer.Set(c.Server)
	if err != nil {
		return err
	}
	report := pin.Report{Server: c.Server, File: place.File, Changes: pin.Diff(place.Before, set), Findings: offer.Findings()}
	report.Refused = report.Grave() && !c.AcceptFindings
	report.Written = len(report.Changes) > 0 && !c.DryRun && !report.Refused
	if report.Written {
		if err := place.Write(c.Policies, set); err != nil {
			return err
		}
	}
	if err := c.print(report); err != nil {
		return err
	}
	switch {
	case report.Refused && len(report.Changes) > 0:
		return errors.New("nothing was written: look at what was found, and pin it with --accept-findings if it is harmless")
	case c.DryRun && len(report.Changes) > 0:
		return drifted{errors.New("the server offers something else than is pinned")}
	}
	return nil
}

func (c *pinCmd) print(r pin.Report) error {
	if c.Output == "json" {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	return r.WriteText(os.Stdout)
}

// server is where to ask, and with which credential.
func (c *pinCmd) server(place *pin.Place) (pin.Server, error) {
	s := pin.Server{URL: c.URL, Headers: http.Header{}, Version: version()}
	for _, h := range c.Header {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return s, errors.New("--header: want a name and a value, as in 'Authorization: Bearer ...'")
		}
		s.Headers.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if c.Key != "" && c.URL != "" {
		s.Headers.Set("Authorization", "Bearer "+c.Key)
	}
	if s.URL != "" {
		return s, nil // a credential of the server is not for whoever answers there
	}
	if s.URL = place.URL; s.URL == "" {
		return s, errors.New("this McpServer has no url, since only providers reach it: say where to ask with --url")
	}
	return s, place.Credential.Present(filepath.Join(c.State, "secrets"), s.Headers)
}

type statusCmd struct {
	stateFlag
	Socket string `type:"path" help:"Status socket of a control server; empty: that of the state folder."`
	Output string `short:"o" default:"text" enum:"text,json" help:"text or json."`
}

// Run asks the control server.
func (c *statusCmd) Run(ctx context.Context) error {
	if c.Socket == "" {
		c.Socket = c.socket("status.sock")
	}
	s, err := status.Fetch(ctx, c.Socket)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("no control server listens on %s: start one, or give --state or --socket", c.Socket)
	} else if err != nil {
		return err
	}
	if c.Output == "json" {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(s)
	}
	return status.WriteText(os.Stdout, s)
}

// natsFlags say where NATS is, and who we are to it.
type natsFlags struct {
	NATSURL      string `name:"nats-url" env:"BARTIZAN_NATS_URL" help:"URL of NATS, or several of a cluster with commas between."`
	NATSCreds    string `name:"nats-creds" type:"path" help:"File with a user's JWT and key."`
	NATSUser     string `name:"nats-user" env:"BARTIZAN_NATS_USER" help:"User, with --nats-password-file."`
	NATSPassword string `name:"nats-password-file" type:"path" help:"File of its password."`
	NATSCA       string `name:"nats-tls-ca" type:"path" help:"Who must have signed the certificate of NATS (PEM)."`
	NATSCert     string `name:"nats-tls-cert" type:"path" help:"Certificate to show to NATS (PEM)."`
	NATSKey      string `name:"nats-tls-key" type:"path" help:"Its key (PEM)."`
}

func (f natsFlags) server() stream.Server {
	return stream.Server{
		URL: f.NATSURL, Creds: f.NATSCreds, User: f.NATSUser, PasswordFile: f.NATSPassword, CA: f.NATSCA, Cert: f.NATSCert, Key: f.NATSKey,
	}
}

// recordsFlags find the NATS that holds the records: by default the embedded one of a gateway on this machine.
type recordsFlags struct {
	stateFlag
	natsFlags
}

func (f recordsFlags) connect() (*nats.Conn, error) {
	at := f.server()
	if at.URL == "" {
		var err error
		if at.URL, err = natsd.ReadURL(filepath.Join(f.State, "nats")); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("no gateway has run with state folder %s: give --state or --nats-url", f.State)
		} else if err != nil {
			return nil, err
		}
	}
	opts, err := at.Options()
	if err != nil {
		return nil, err
	}
	nc, err := nats.Connect(at.URL, append(opts, nats.Name("bartizan"), nats.MaxReconnects(-1))...)
	if errors.Is(err, nats.ErrNoServers) && f.NATSURL == "" {
		return nil, fmt.Errorf("the gateway of state folder %s does not run: its records are read while it does", f.State)
	} else if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	return nc, nil
}

type tailCmd struct {
	recordsFlags
	Since   time.Duration `help:"Begin so long ago."`
	All     bool          `help:"Begin with the first record there is."`
	Once    bool          `help:"End with the newest record instead of waiting for more."`
	Subject string        `help:"Only records of these subjects, such as audit.v1.*.mcp.deny."`
	Output  string        `short:"o" default:"text" enum:"text,json" help:"text (a line a record) or json (the record itself)."`
}

// Run prints records until interrupted.
func (c *tailCmd) Run(ctx context.Context) error {
	nc, err := c.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	opts := tail.Options{All: c.All, Once: c.Once, Subject: c.Subject}
	if c.Since > 0 {
		opts.Since = time.Now().Add(-c.Since)
	}
	colour := isatty.IsTerminal(os.Stdout.Fd()) && os.Getenv("NO_COLOR") == ""
	return orNone(tail.Tail(ctx, nc, opts, func(e *tail.Event) error {
		if c.Output == "json" {
			_, err := fmt.Println(string(e.Raw))
			return err
		}
		return tail.WriteText(os.Stdout, e, colour)
	}))
}

// orNone says what it means that there is no stream: a gateway makes it with its first record.
func orNone(err error) error {
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return errors.New("there is no record yet")
	}
	return err
}

type verifyCmd struct {
	recordsFlags
	Output string `short:"o" default:"text" enum:"text,json" help:"text or json."`
}

type brokenChain struct{ error }

// Run exits with 4 where the chain is broken.
func (c *verifyCmd) Run(ctx context.Context) error {
	nc, err := c.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	report, err := chain.Verify(ctx, js)
	if err != nil {
		return orNone(err)
	}
	if c.Output == "json" {
		err = json.NewEncoder(os.Stdout).Encode(report)
	} else {
		err = report.WriteText(os.Stdout)
	}
	if err == nil && !report.OK() {
		return brokenChain{errors.New("the chain of records is broken")}
	}
	return err
}

type versionCmd struct{}

// Run prints the version of the build.
func (versionCmd) Run() error {
	fmt.Println("bartizan", version())
	return nil
}

// version is the module version, else the commit that the binary was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "devel"
}
