package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"bartizan/extproc/stream"
	"bartizan/filters"
)

type metrics struct {
	streams    prometheus.Gauge
	panics     prometheus.Counter
	overloaded *prometheus.CounterVec
	unrecorded prometheus.Counter
	deadlines  *prometheus.CounterVec
	exchanges  *prometheus.CounterVec
	judging    prometheus.Histogram
	spend      *spend
}

// What there was no room for.
const (
	bodyRequest = "request"
	bodyAnswer  = "answer"
)

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		streams:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "bartizan_extproc_streams", Help: "Exchanges in flight."}),
		panics:     prometheus.NewCounter(prometheus.CounterOpts{Name: "bartizan_extproc_panics_total", Help: "Panics that were contained; a stream that panics is failed closed."}),
		overloaded: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "bartizan_extproc_overloaded_total", Help: "Exchanges refused for want of room in a byte budget: for the request, or for an answer that was held back."}, []string{"body"}),
		unrecorded: prometheus.NewCounter(prometheus.CounterOpts{Name: "bartizan_extproc_unrecorded_total", Help: "Closing records that the audit did not take."}),
		deadlines:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "bartizan_extproc_deadlines_total", Help: "Phases that took too long."}, []string{"phase"}),
		exchanges:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "bartizan_extproc_exchanges_total", Help: "Exchanges ended."}, []string{"surface", "outcome"}),
		judging: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "bartizan_extproc_judging_seconds", Help: "Time to decode and judge a request.", Buckets: prometheus.ExponentialBuckets(20e-6, 2.5, 12),
		}),
	}
	for _, body := range []string{bodyRequest, bodyAnswer} {
		m.overloaded.WithLabelValues(body)
	}
	for p := stream.AwaitRequestHeaders; p <= stream.Ended; p++ {
		m.deadlines.WithLabelValues(p.String())
	}
	for _, surface := range []filters.Surface{filters.SurfaceLLM, filters.SurfaceMCP, ""} {
		for _, o := range []filters.Outcome{filters.OutcomeAllow, filters.OutcomeFlag, filters.OutcomeDeny, filters.OutcomeError, filters.OutcomeAborted} {
			m.exchanges.WithLabelValues(string(surface), string(o))
		}
	}
	m.spend = newSpend(reg)
	reg.MustRegister(m.streams, m.panics, m.overloaded, m.unrecorded, m.deadlines, m.exchanges, m.judging)
	return m
}

// exchange counts an ended exchange.
func (m *metrics) exchange(r *filters.Record) {
	m.exchanges.WithLabelValues(string(r.Exchange.Route.Surface), string(r.Outcome)).Inc()
	if r.Judging > 0 {
		m.judging.Observe(r.Judging.Seconds())
	}
	m.spend.add(r.Exchange)
}
