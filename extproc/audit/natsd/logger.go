package natsd

import (
	"fmt"
	"log/slog"
)

// bridge writes the server's log lines to slog; the server formats them itself.
type bridge struct{ log *slog.Logger }

// Noticef takes what NATS itself calls information: a banner of some twenty lines at each start.
func (b bridge) Noticef(format string, v ...any) {
	b.log.Debug("nats", "line", fmt.Sprintf(format, v...))
}

// Warnf leaves out what is as it is meant to be: the passwords are random, in files of their owner alone.
func (b bridge) Warnf(format string, v ...any) {
	if format != "Plaintext passwords detected, use nkeys or bcrypt" {
		b.log.Warn("nats", "line", fmt.Sprintf(format, v...))
	}
}

func (b bridge) Errorf(format string, v ...any) {
	b.log.Error("nats", "line", fmt.Sprintf(format, v...))
}

func (b bridge) Fatalf(format string, v ...any) {
	b.log.Error("nats", "line", fmt.Sprintf(format, v...))
}
func (b bridge) Debugf(string, ...any) {}
func (b bridge) Tracef(string, ...any) {}
