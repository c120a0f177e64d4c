// Package share carries what one replica has learnt of tool calls to the others: core NATS publish and subscribe on a subject of its
// own, without content (package cause).
//
// It promises nothing about delivery. While NATS is away, replicas learn nothing of each other, later neither: they know what they
// have seen themselves, and another cause is unknown rather than an error.
package share

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"bartizan/extproc/cause"
)

// Subject is what notices are published on, with the instance of their replica as a further token. It is in no stream.
const Subject = "bartizan.v1.cause"

// Config is what a shared memory needs.
type Config struct {
	Instance string // of this replica: no other's, and one token of a subject
	Conn     *nats.Conn
	Log      *slog.Logger
	Registry prometheus.Registerer
}

// Join returns a memory that shares what it learns. It does so until Conn is closed.
func Join(c Config) (*cause.Memory, error) {
	notices := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bartizan_cause_notices_total", Help: "What replicas told each other of tool calls: sent, unsent, received, unread.",
	}, []string{"how"})
	c.Registry.MustRegister(notices)
	for _, how := range []string{"sent", "unsent", "received", "unread"} {
		notices.WithLabelValues(how)
	}
	own := Subject + "." + c.Instance
	memory := cause.New(time.Now, func(n *cause.Notice) {
		raw, err := n.Encode()
		if err == nil {
			err = c.Conn.Publish(own, raw)
		}
		if err != nil { // NATS is away, which the connection logs
			notices.WithLabelValues("unsent").Inc()
			return
		}
		notices.WithLabelValues("sent").Inc()
	})
	_, err := c.Conn.Subscribe(Subject+".*", func(msg *nats.Msg) {
		if msg.Subject == own { // an echo
			return
		}
		n, err := cause.Decode(msg.Data)
		if err != nil {
			notices.WithLabelValues("unread").Inc()
			c.Log.Warn("notice of another replica", "error", err)
			return
		}
		notices.WithLabelValues("received").Inc()
		memory.Learn(n)
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", Subject, err)
	}
	return memory, nil
}
