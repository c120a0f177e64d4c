package audit

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"bartizan/extproc/audit/wal"
)

type metrics struct {
	appended *prometheus.CounterVec
	dropped  *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, log *wal.Log, maxSpool int64) *metrics {
	m := &metrics{
		appended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bartizan_audit_records_total", Help: "Records taken, by audit mode.",
		}, []string{"mode"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bartizan_audit_dropped_total", Help: "Records that were not written, by reason.",
		}, []string{"reason"}),
	}
	for _, mode := range []Mode{ModeStrict, ModeDurable, ModeBestEffort} {
		m.appended.WithLabelValues(string(mode))
	}
	for _, reason := range []string{"full", "broken", "closed", "busy"} {
		m.dropped.WithLabelValues(reason)
	}
	gauge := func(name, help string, f func(wal.Stats) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return f(log.Stats()) })
	}
	reg.MustRegister(m.appended, m.dropped,
		gauge("bartizan_audit_spool_bytes", "Bytes of the audit log on disk.", func(s wal.Stats) float64 { return float64(s.Bytes) }),
		gauge("bartizan_audit_spool_limit_bytes", "Bytes that the audit log may take.", func(wal.Stats) float64 { return float64(maxSpool) }),
		gauge("bartizan_audit_unacked_records", "Durable records that NATS has not acknowledged.", func(s wal.Stats) float64 {
			return float64(s.Synced - s.Cursor.Acked)
		}))
	return m
}

func (m *metrics) drop(err error) {
	reason := "busy"
	switch {
	case errors.Is(err, wal.ErrFull):
		reason = "full"
	case errors.Is(err, wal.ErrBroken):
		reason = "broken"
	case errors.Is(err, ErrClosed):
		reason = "closed"
	}
	m.dropped.WithLabelValues(reason).Inc()
}

// lost counts records that had been taken and could not be synced.
func (m *metrics) lost(n int) { m.dropped.WithLabelValues("broken").Add(float64(n)) }
