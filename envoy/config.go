package envoy

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"bartizan/envoy/socket"
)

// Config says how one Envoy runs. Only RunDir, ControlServer and ExtProcSocket have no default.
type Config struct {
	// RunDir holds the bootstrap, the admin socket and a lock: one Envoy per directory. Start makes it (mode 0700); nobody but its
	// owner may be able to write it. Keep it short: a Unix socket path holds 103 bytes.
	RunDir string

	// ControlServer is where the control server serves delta ADS, "unix:/path" or "host:port"; ExtProcSocket is the Unix socket of the
	// inspection service. Neither needs to exist yet: Envoy tries again until they answer, and extproc's absence is 503, never
	// uninspected traffic.
	ControlServer, ExtProcSocket string

	// Trust is for a control server on TCP. Envoy reads the files itself, and again when something is moved into their folder.
	Trust socket.Trust

	NodeID  string // what the control server calls this Envoy, "envoy/<name>"; "" means "bartizan"
	Cluster string // the group of Envoys with the same configuration; "" means "bartizan"

	// Binary is an Envoy to run instead of the one of Find. It is held to the same version.
	Binary string

	Concurrency    int           // worker threads; 0 means as many as Go may use (which knows of container limits)
	HeapBytes      uint64        // the heap at which Envoy refuses all work; 0 means 1 GiB
	MaxConnections int           // client connections over all listeners; 0 means 10,000
	DrainTime      time.Duration // how long streams of a replaced listener may go on; whole seconds; 0 means 10 minutes
	StopTime       time.Duration // how long Stop waits for requests in flight; 0 means 10 s, negative not at all

	// LogLevel is what Envoy itself logs: "error", "warning" or "info"; "" means "warning", since Envoy's information is some 60
	// lines at every start. "debug" and "trace" are refused: there Envoy writes request headers, credentials included, into its log.
	LogLevel string

	// Log takes Envoy's lines and the launcher's own. Nil drops them.
	Log *slog.Logger
}

const (
	maxSocketPath = 103 // bytes without the ending NUL: macOS has 104 in sockaddr_un, Linux 108

	defaultName           = "bartizan"
	defaultHeapBytes      = 1 << 30
	minHeapBytes          = 64 << 20 // Envoy alone takes some 30 MiB
	defaultMaxConnections = 10_000
	defaultDrainTime      = 10 * time.Minute // Envoy's own; a model's answer may stream for minutes
	defaultStopTime       = 10 * time.Second
)

// AdminSocket is where Envoy's admin interface listens, mode 0600.
func (c Config) AdminSocket() string { return filepath.Join(c.RunDir, "admin.sock") }

// Validate reports everything that is wrong with c, as one error per line.
func (c Config) Validate() error {
	return errors.Join(
		c.validateControlServer(),
		socketPath("ext_proc", c.ExtProcSocket),
		c.validateRunDir(),
		c.validateNumbers(),
		c.validateLogLevel(),
	)
}

func (c Config) validateControlServer() error {
	if path, ok := strings.CutPrefix(c.ControlServer, "unix:"); ok {
		return socketPath("xds", path)
	}
	if c.ControlServer == "" {
		return errors.New("envoy: no address of the control server")
	}
	host, port, err := net.SplitHostPort(c.ControlServer)
	if n, perr := strconv.ParseUint(port, 10, 16); err != nil || host == "" || perr != nil || n == 0 {
		return fmt.Errorf("envoy: the control server is at %q, want unix:/path or host:port", c.ControlServer)
	}
	if err := c.Trust.Validate(); err != nil {
		return fmt.Errorf("envoy: control server %s: %w", c.ControlServer, err)
	}
	for _, path := range []string{c.Trust.Cert, c.Trust.Key, c.Trust.CA} {
		if path != "" && !filepath.IsAbs(path) {
			return fmt.Errorf("envoy: a TLS file needs an absolute path, not %s", path)
		}
	}
	return nil
}

func (c Config) validateRunDir() error {
	if c.RunDir == "" {
		return errors.New("envoy: RunDir is not set")
	}
	return socketPath("admin", c.AdminSocket())
}

func (c Config) validateNumbers() error {
	switch {
	case c.Concurrency < 0:
		return fmt.Errorf("envoy: Concurrency is %d, want 0 or more", c.Concurrency)
	case c.MaxConnections < 0:
		return fmt.Errorf("envoy: MaxConnections is %d, want 0 or more", c.MaxConnections)
	case c.HeapBytes != 0 && c.HeapBytes < minHeapBytes:
		return fmt.Errorf("envoy: HeapBytes is %d, want 0 or at least %d", c.HeapBytes, minHeapBytes)
	case c.DrainTime < 0 || c.DrainTime%time.Second != 0:
		return fmt.Errorf("envoy: DrainTime is %s, want whole seconds", c.DrainTime)
	}
	return nil
}

func (c Config) validateLogLevel() error {
	switch c.LogLevel {
	case "", "info", "warning", "error":
		return nil
	case "debug", "trace":
		return fmt.Errorf("envoy: LogLevel %q would write request headers, credentials included, into the log", c.LogLevel)
	}
	return fmt.Errorf(`envoy: LogLevel is %q, want "info", "warning" or "error"`, c.LogLevel)
}

func socketPath(name, path string) error {
	switch {
	case path == "":
		return fmt.Errorf("envoy: no path for the %s socket", name)
	case !filepath.IsAbs(path):
		return fmt.Errorf("envoy: the %s socket needs an absolute path, not %s", name, path)
	case len(path) > maxSocketPath:
		return fmt.Errorf("envoy: the path of the %s socket has %d bytes and a Unix socket holds %d: use a shorter run directory than that of %s",
			name, len(path), maxSocketPath, path)
	}
	return nil
}

// withDefaults returns c with every zero value replaced by what it means.
func (c Config) withDefaults() Config {
	c.NodeID = cmp.Or(c.NodeID, defaultName)
	c.Cluster = cmp.Or(c.Cluster, defaultName)
	c.Concurrency = cmp.Or(c.Concurrency, runtime.GOMAXPROCS(0))
	c.HeapBytes = cmp.Or(c.HeapBytes, defaultHeapBytes)
	c.MaxConnections = cmp.Or(c.MaxConnections, defaultMaxConnections)
	c.DrainTime = cmp.Or(c.DrainTime, defaultDrainTime)
	c.StopTime = cmp.Or(c.StopTime, defaultStopTime)
	c.LogLevel = cmp.Or(c.LogLevel, "warning")
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	return c
}
