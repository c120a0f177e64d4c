package stream

import (
	"bartizan/extproc/audit/ocsf"
	"bartizan/filters"
	"bartizan/filters/secrets"
)

// margin is how much more than is shown is kept: a credential at the end must be whole to be known as one.
const margin = 512

// keepCame keeps bytes as they came.
func (m *Machine) keepCame(e *filters.Excerpt, p []byte) {
	if m.cfg.Bundle.Audit.Payload == ocsf.PayloadFull {
		e.Add(p, ocsf.LimitPayload)
	}
}

// keepPassed keeps bytes as they are passed on.
func (m *Machine) keepPassed(e *filters.Excerpt, p []byte) {
	if m.cfg.Bundle.Audit.Payload == ocsf.PayloadRedacted {
		e.Add(p, ocsf.LimitPayload+margin)
	}
}

// shown is the payload as the record shows it.
func (m *Machine) shown() filters.Payload {
	p := m.payload
	if m.cfg.Bundle.Audit.Payload == ocsf.PayloadRedacted {
		mask(&p.Request)
		mask(&p.Response)
	}
	return p
}

func mask(e *filters.Excerpt) {
	e.Data = secrets.Mask(e.Data)
	if over := len(e.Data) - ocsf.LimitPayload; over > 0 {
		e.Data, e.Omitted = e.Data[:ocsf.LimitPayload], e.Omitted+int64(over)
	}
}
