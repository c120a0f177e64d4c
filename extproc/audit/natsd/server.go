package natsd

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"golang.org/x/sys/unix"
)

// Names of the files in the state directory that hold a URL with a password.
const (
	ReaderFile  = "nats.url"
	GatewayFile = "gateway.url"
)

// Options configure the server. StateDir is required.
type Options struct {
	StateDir string       // holds the URLs and, under jetstream, the streams; owned by one server at a time
	Addr     string       // host:port of a loopback address; empty: 127.0.0.1:0; port 0: any
	MaxStore int64        // bytes on disk for all streams; 0: 16 GiB
	Logger   *slog.Logger // nil: nothing is logged
}

const (
	maxMemory    = 64 << 20
	readyTimeout = 10 * time.Second
)

// Server is a running server.
type Server struct {
	ns      *server.Server
	lock    *os.File
	reader  string
	gateway string
}

// Start starts a server and writes its URLs.
func Start(o Options) (*Server, error) {
	s, err := start(o)
	if err != nil {
		return nil, fmt.Errorf("start nats: %w", err)
	}
	return s, nil
}

func start(o Options) (*Server, error) {
	if err := os.MkdirAll(o.StateDir, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockDir(o.StateDir)
	if err != nil {
		return nil, err
	}
	s := &Server{lock: lock}
	if err := s.run(o); err != nil {
		s.Shutdown()
		return nil, err
	}
	return s, nil
}

func (s *Server) run(o Options) error {
	host, port, err := loopback(o.Addr)
	if err != nil {
		return err
	}
	users, err := loadUsers(o.StateDir)
	if err != nil {
		return err
	}
	ns, err := server.NewServer(serverOptions(o, host, port, users))
	if err != nil {
		return err
	}
	s.ns = ns
	if o.Logger != nil {
		ns.SetLoggerV2(bridge{o.Logger}, false, false, false)
	}
	go ns.Start() // ends with Shutdown, which waits for it
	if !ns.ReadyForConnections(readyTimeout) {
		return fmt.Errorf("not ready within %s on %s", readyTimeout, net.JoinHostPort(host, fmt.Sprint(port)))
	}
	s.reader, s.gateway = users.urls(ns.Addr().String())
	return users.save(o.StateDir, s.reader, s.gateway)
}

func serverOptions(o Options, host string, port int, u users) *server.Options {
	store := o.MaxStore
	if store <= 0 {
		store = 16 << 30
	}
	return &server.Options{
		ServerName: "bartizan", Host: host, Port: port, NoSigs: true, NoLog: o.Logger == nil,
		JetStream: true, StoreDir: filepath.Join(o.StateDir, "jetstream"), SyncAlways: true, DisableJetStreamBanner: true,
		// Zero would mean a share of the machine: three quarters of its memory, all of its free disk.
		JetStreamMaxMemory: maxMemory, JetStreamMaxStore: store,
		MaxPayload: 1 << 20, MaxConn: 256, Users: u.accounts(),
	}
}

// loopback admits only addresses that other machines cannot reach.
func loopback(addr string) (host string, port int, err error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return "", 0, err
	}
	if !tcp.IP.IsLoopback() {
		return "", 0, fmt.Errorf("address %s is not a loopback address", addr)
	}
	if tcp.Port == 0 {
		return tcp.IP.String(), server.RANDOM_PORT, nil
	}
	return tcp.IP.String(), tcp.Port, nil
}

func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "nats.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("another server uses %s", dir)
		}
		return nil, err
	}
	return f, nil
}

// URL is where the reader connects, with its password: a secret.
func (s *Server) URL() string { return s.reader }

// GatewayURL is where a gateway of another process on this machine connects, with its password: a secret.
func (s *Server) GatewayURL() string { return s.gateway }

// Addr is the listener's host:port.
func (s *Server) Addr() string { return s.ns.Addr().String() }

// Connect connects the gateway within the process, without a socket. The connection does not outlive the server.
func (s *Server) Connect(opts ...nats.Option) (*nats.Conn, error) {
	user, password := credentials(s.gateway)
	nc, err := nats.Connect("", append(opts, nats.InProcessServer(s.ns), nats.UserInfo(user, password))...)
	if err != nil {
		return nil, fmt.Errorf("connect to nats in process: %w", err)
	}
	return nc, nil
}

// Shutdown stops the server and waits until its files are closed. Clients are to be closed before.
func (s *Server) Shutdown() {
	if s.ns != nil {
		s.ns.Shutdown()
		s.ns.WaitForShutdown()
	}
	s.lock.Close()
}
