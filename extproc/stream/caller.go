package stream

import "bartizan/extproc/sealed"

// seal says to the aggregator for whom it works. It gets this in the place of the caller's own key, which goes no further than here.
func (m *Machine) seal() string {
	if m.cfg.Sealed == nil {
		return "" // the aggregator refuses it
	}
	c := sealed.Caller{Identity: m.x.Identity, SourceIP: m.x.Request.SourceIP, Exchange: m.cfg.ID}
	return m.cfg.Sealed.SealCaller(sealed.ToAggregator, c, m.cfg.Clock())
}

// onBehalf takes the caller that the aggregator names, and tells whether it names one. What anybody else sends in the header does not
// open, and counts for nothing.
func (m *Machine) onBehalf(in headers) bool {
	if in.caller == "" || m.x.Route.Aggregate {
		return false
	}
	c, ok := m.cfg.Sealed.OpenCaller(sealed.ToGate, in.caller, m.cfg.Clock())
	if ok {
		m.x.Identity, m.x.Parent, m.x.Request.SourceIP = c.Identity, c.Exchange, c.SourceIP
	}
	return ok
}
