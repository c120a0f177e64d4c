package bundle

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	connected prometheus.Gauge
	nacks     prometheus.Counter
	info      *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		connected: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bartizan_extproc_xds_connected", Help: "1 while this replica follows the control server.",
		}),
		nacks: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bartizan_extproc_bundle_nacks_total", Help: "Bundles that this replica refused.",
		}),
		info: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "bartizan_extproc_bundle_info", Help: "1 for the bundle in force.",
		}, []string{"commit", "version"}),
	}
	reg.MustRegister(m.connected, m.nacks, m.info)
	return m
}

// inForce leaves one series: that of b.
func (m *metrics) inForce(b *Bundle) {
	m.info.Reset()
	m.info.WithLabelValues(b.Commit, b.Version).Set(1)
}
