package natsd

import (
	"fmt"
	"log/slog"
)

// bridge writes the server's log lines to slog; the server formats them itself.
type bridge struct{ log *slog.Logger }

func (b bridge) Noticef(format string, v ...any) {
	b.log.Info("nats", "line", fmt.Sprintf(format, v...))
}
func (b bridge) Warnf(format string, v ...any) { b.log.Warn("nats", "line", fmt.Sprintf(format, v...)) }
func (b bridge) Errorf(format string, v ...any) {
	b.log.Error("nats", "line", fmt.Sprintf(format, v...))
}
func (b bridge) Fatalf(format string, v ...any) {
	b.log.Error("nats", "line", fmt.Sprintf(format, v...))
}
func (b bridge) Debugf(string, ...any) {}
func (b bridge) Tracef(string, ...any) {}
