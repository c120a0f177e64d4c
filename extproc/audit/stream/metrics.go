package stream

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	latency prometheus.Histogram
	errors  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "bartizan_audit_publish_seconds", Help: "Time to store a batch of records in the stream.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		errors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bartizan_audit_publish_errors_total", Help: "Attempts to store a batch of records that failed.",
		}),
	}
	reg.MustRegister(m.latency, m.errors)
	return m
}
