// Command bartizan is the control plane between AI agents, models and tools: it sees, judges and records every model call and
// every MCP call. `bartizan up` runs all of it on one machine; `bartizan --help` shows the rest.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // rules may name time zones, on images without any

	"github.com/alecthomas/kong"

	"bartizan/envoy"
	"bartizan/envoy/socket"
	"bartizan/envoy/state"
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

	Up      upCmd               `cmd:"" help:"Run the whole gateway on this machine: Envoy, judging, control server, NATS."`
	Init    starter.Init        `cmd:"" help:"Write a starter policy repository."`
	Check   xds.Check           `cmd:"" help:"Read a policy repository and report every error in it."`
	Key     starter.KeyCommands `cmd:"" help:"Virtual keys."`
	Pin     pin.Command         `cmd:"" help:"Approve what an MCP server offers: write its definitions into the policy repository."`
	Status  status.Command      `cmd:"" help:"Which commit is live on which node, and who refused what."`
	Tail    tail.Command        `cmd:"" help:"Follow decisions as they arrive."`
	Verify  chain.Command       `cmd:"" help:"Prove that no record is missing or changed."`
	Extproc extproc.Command     `cmd:"" help:"Run the inspection service alone."`
	Xds     xds.Command         `cmd:"" name:"xds" help:"Run the control server alone."`
	Boot    envoy.Command       `cmd:"" name:"bootstrap" help:"Write what an Envoy of its own container starts with."`
	Version versionCmd          `cmd:"" help:"Print the version."`
}

func main() {
	c := cli{Pin: pin.Command{Version: version()}, Extproc: extproc.Command{Version: version()}}
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
// Envoy; a SIGTERM, which a supervisor may send right after a terminal's Ctrl-C and which may come before it, is none. The goroutine lives as
// long as the process: a signal's disposition cannot be changed without a moment in which that signal kills.
func interruptible() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		ctrlC := 0
		for s := range signals {
			cancel()
			if s == os.Interrupt {
				ctrlC++
			}
			if ctrlC == 2 {
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
	switch {
	case err == nil:
		return 0
	case errors.As(err, &mistakes):
		fmt.Fprintln(os.Stderr, mistakes.Error())
		fmt.Fprintf(os.Stderr, "bartizan: the policy repository does not compile; mistakes: %d\n", len(mistakes))
		return exitPolicyError
	case errors.Is(err, chain.ErrBroken):
		return exitBroken
	case errors.Is(err, pin.ErrDrift):
		return exitDrift
	default:
		fmt.Fprintln(os.Stderr, "bartizan:", err)
		return 1
	}
}

// upCmd is `bartizan up`, the one command that knows all roles.
type upCmd struct {
	xds.PolicyFlags
	state.Folder
	stream.ServerFlags
	NATSListen  string        `name:"nats-listen" default:"127.0.0.1:4222" help:"Where the embedded NATS listens without --nats-url; loopback only."`
	Metrics     string        `default:"127.0.0.1:9464" help:"Where /metrics, /healthz and /readyz are served; empty: nowhere."`
	Concurrency int           `help:"Envoy's worker threads; 0: as many as processors."`
	Drain       time.Duration `default:"10s" help:"How long running exchanges may take to end."`
	Wait        time.Duration `default:"2m" help:"How long the start may take, the download of Envoy included."`
}

// Run makes everything ready that may be wrong before it starts a role.
func (c *upCmd) Run(ctx context.Context, log *slog.Logger) error {
	repository := c.Repository(log.With("role", "xds"))
	first, err := repository.Load(ctx, c.options())
	if err != nil {
		return err
	}
	unlock, err := c.Lock()
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
	nats := c.Server()
	if nats.URL == "" {
		server, err := natsd.Start(natsd.Options{StateDir: filepath.Join(c.State, "nats"), Addr: c.NATSListen, Logger: log.With("role", "nats")})
		if err != nil {
			return err
		}
		defer server.Shutdown()
		nats.URL = server.GatewayURL()
	}
	return envoy.Front{
		Envoy:     c.envoy(log),
		Behind:    []func(context.Context) error{c.xds(repository).Run, c.extproc(nats, log).Run},
		Listeners: len(first.Listeners), Wait: c.Wait,
		Up: func(listeners map[string]string) error { return c.announce(listeners, first, missing) },
	}.Run(ctx)
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
		Aggregator: c.Socket("aggregator.sock"), Gate: c.Socket("gate.sock"),
	}
}

func (c *upCmd) xds(repository xds.Repository) xds.Service {
	return xds.Service{Repository: repository, Options: c.options(), Listen: "unix:" + c.Socket("xds.sock"), Status: "unix:" + c.Socket("status.sock")}
}

func (c *upCmd) extproc(nats stream.Server, log *slog.Logger) extproc.Config {
	return extproc.Config{
		NodeID: "local", Version: version(), Listen: "unix:" + c.Socket("extproc.sock"), ControlServer: "unix:" + c.Socket("xds.sock"),
		StateDir: filepath.Join(c.State, "extproc"), Aggregator: "unix:" + c.Socket("aggregator.sock"), Gate: "unix:" + c.Socket("gate.sock"),
		NATS: nats, Admin: c.Metrics, Drain: c.Drain, Log: log.With("role", "extproc"),
	}
}

func (c *upCmd) envoy(log *slog.Logger) envoy.Config {
	return envoy.Config{
		RunDir: c.Socket("envoy"), ControlServer: "unix:" + c.Socket("xds.sock"), ExtProcSocket: c.Socket("extproc.sock"), NodeID: "envoy/local",
		Concurrency: c.Concurrency, StopTime: c.Drain, Log: log.With("role", "envoy"),
	}
}

// announce says how to use the gateway, and leaves its addresses for other programs.
func (c *upCmd) announce(listeners map[string]string, first *xds.Loaded, missing []xds.Secret) error {
	fmt.Printf("\nbartizan is up: %s at commit %.12s\n", c.Policies, first.Commit)
	for _, l := range first.Listeners {
		if len(listeners) > 1 {
			fmt.Printf("\nlistener %s\n", l.Name)
		}
		if err := first.WriteClients(os.Stdout, l, listeners[l.Name]); err != nil {
			return err
		}
	}
	for _, m := range missing {
		fmt.Printf("\n  Warning: no credential %s, so its upstream refuses every call: set %s and start again.\n", m.Name, m.Variable)
	}
	command, state, edit := os.Args[0], c.StateFlag(), "edit and commit"
	if strings.HasPrefix(first.Commit, "dir-") {
		edit = "edit the files"
	}
	fmt.Printf("\n  virtual keys    those of the Gateway; one more: %s key new --user you@example.com --group developers\n", command)
	fmt.Printf("  rules           %s; in force within %s. Before: %s check --policies %s\n", edit, c.Poll, command, c.Policies)
	fmt.Printf("  decisions       %s tail%s\n  state, proof    %[1]s status%[2]s    %[1]s verify%[2]s\n\n  Ctrl-C ends it.\n\n", command, state)
	return c.Publish(listeners, first.Commit)
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
