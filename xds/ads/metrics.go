package ads

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics of the control server. Labels have few values: classes, short names of types, ends of a rollout.
type metrics struct {
	nodes    *prometheus.GaugeVec
	acks     *prometheus.CounterVec
	nacks    *prometheus.CounterVec
	commit   *prometheus.GaugeVec
	rollouts *prometheus.CounterVec
}

// newMetrics registers with r; a nil one keeps the metrics to themselves.
func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	m := &metrics{
		nodes: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "bartizan_xds_nodes", Help: "Connected nodes.",
		}, []string{"class"}),
		acks: f.NewCounterVec(prometheus.CounterOpts{
			Name: "bartizan_xds_acks_total", Help: "Responses that a node acknowledged.",
		}, []string{"class", "type"}),
		nacks: f.NewCounterVec(prometheus.CounterOpts{
			Name: "bartizan_xds_nacks_total", Help: "Responses that a node refused.",
		}, []string{"class", "type"}),
		commit: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "bartizan_xds_commit_info", Help: "The commit in force; always 1.",
		}, []string{"commit", "version"}),
		rollouts: f.NewCounterVec(prometheus.CounterOpts{
			Name: "bartizan_xds_rollouts_total", Help: "Commits by what became of them.",
		}, []string{"outcome"}),
	}
	m.zero()
	return m
}

// zero makes every series exist from the start, so that a rate over the first event is not lost.
func (m *metrics) zero() {
	for c, urls := range map[class][]string{
		classExtproc: {"bundle", "other"},
		classEnvoy:   {"listener", "cluster", "route", "secret", "endpoint", "other"},
	} {
		m.nodes.WithLabelValues(string(c))
		for _, typ := range urls {
			m.acks.WithLabelValues(string(c), typ)
			m.nacks.WithLabelValues(string(c), typ)
		}
	}
	for _, o := range []outcome{outcomeDone, outcomeLate, outcomeStopped, outcomeSuperseded, outcomeCanceled, outcomeRejected} {
		m.rollouts.WithLabelValues(string(o))
	}
}

// outcome is what became of a commit.
type outcome string

const (
	outcomeDone       outcome = "done"
	outcomeLate       outcome = "done_late" // in force, though not every replica of extproc answered in time
	outcomeStopped    outcome = "stopped"
	outcomeSuperseded outcome = "superseded"
	outcomeCanceled   outcome = "canceled"
	outcomeRejected   outcome = "rejected"
)
