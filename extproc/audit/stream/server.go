package stream

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Server names a NATS, and says who we are to it. Files are read again for each connection, so that what is renewed needs no restart. What
// is secret is in no error and no log.
type Server struct {
	URL                string // one, or several of a cluster with commas between; may carry a user and a password
	Creds              string // file with a user's JWT and key; empty: none
	User, PasswordFile string // a user and the file of its password; empty: none
	CA                 string // PEM file of who must have signed the server's certificate; empty: the machine's authorities
	Cert, Key          string // PEM files of this client's certificate; empty: none
}

// Validate reports what does not go together.
func (s Server) Validate() error {
	var errs []error
	if s.URL == "" {
		errs = append(errs, errors.New("no URL of NATS"))
	}
	if (s.User == "") != (s.PasswordFile == "") {
		errs = append(errs, errors.New("a user of NATS wants the file of its password, and a password its user"))
	}
	if s.User != "" && s.Creds != "" {
		errs = append(errs, errors.New("a user of NATS shows a credentials file or a password, not both"))
	}
	if (s.Cert == "") != (s.Key == "") {
		errs = append(errs, errors.New("a client certificate for NATS wants its key, and a key its certificate"))
	}
	return errors.Join(errs...)
}

// Options are how to reach the server, and how to show who we are.
func (s Server) Options() ([]nats.Option, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	var opts []nats.Option
	if s.Creds != "" {
		if _, err := os.Stat(s.Creds); err != nil {
			return nil, fmt.Errorf("NATS credentials: %w", err)
		}
		opts = append(opts, nats.UserCredentials(s.Creds))
	}
	if s.User != "" {
		if _, err := s.password(); err != nil {
			return nil, err
		}
		opts = append(opts, nats.UserInfoHandler(func() (user, password string) {
			password, _ = s.password() // unreadable now: the server refuses, and that is reported
			return s.User, password
		}))
	}
	if s.CA != "" {
		opts = append(opts, nats.RootCAs(s.CA))
	}
	if s.Cert != "" {
		opts = append(opts, nats.ClientCert(s.Cert, s.Key))
	}
	return opts, nil
}

func (s Server) password() (string, error) {
	raw, err := os.ReadFile(s.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("NATS password: %w", err)
	}
	return strings.TrimRight(string(raw), "\r\n"), nil
}

// Connect connects to NATS for publishing, or begins to: a server that is not there yet, or does not let us in yet, is no error, but a
// warning, since records wait on disk. It reconnects for ever, and fails at once while it is disconnected, for the same reason. The
// caller closes the connection after the log.
func (s Server) Connect(log *slog.Logger, extra ...nats.Option) (*nats.Conn, error) {
	opts, err := s.Options()
	if err != nil {
		return nil, err
	}
	complain := complainer(log)
	opts = append(opts,
		nats.Name("bartizan"),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250*time.Millisecond),
		nats.ReconnectBufSize(-1),
		nats.IgnoreAuthErrorAbort(), // a password that is wrong now may be right once its file is renewed
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { complain(err) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { complain(err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				complain(err)
			}
		}),
		nats.ConnectHandler(func(nc *nats.Conn) { complain(nil); log.Info("nats connected", "server", nc.ConnectedServerName()) }),
		nats.ReconnectHandler(func(nc *nats.Conn) { complain(nil); log.Info("nats connected", "server", nc.ConnectedServerName()) }),
	)
	nc, err := nats.Connect(s.URL, append(opts, extra...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	if !nc.IsConnected() {
		complain(errors.Join(nats.ErrNoServers, nc.LastError()))
	}
	return nc, nil
}

// complainer logs an error once, until there is another or, nil, none.
func complainer(log *slog.Logger) func(error) {
	var mu sync.Mutex
	last := ""
	return func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			last = ""
			return
		}
		text := strings.ReplaceAll(err.Error(), "\n", ": ")
		if text == last {
			return
		}
		last = text
		log.Warn("nats cannot be reached: records wait on disk", "error", text)
	}
}
