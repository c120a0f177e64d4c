package stream

import (
	"fmt"
	"strings"

	"bartizan/extproc/coding"
	"bartizan/filters"
)

// encoded notes the content coding of the request's body; a refusal for one that is not read here. The aggregator reads none.
func (m *Machine) encoded(name string) *filters.Refusal {
	switch {
	case name == "" || name == "identity":
		return nil
	case coding.Known(name) && !m.x.Route.Aggregate:
		m.x.Request.Encoding = name
		return nil
	}
	accepted := "uncompressed, or as one of " + strings.Join(coding.Names(), ", ")
	if m.x.Route.Aggregate {
		accepted = "uncompressed"
	}
	return &filters.Refusal{
		Kind:    filters.RefusedEncoding,
		Message: fmt.Sprintf("request bodies with content-encoding %q are not accepted: send the body %s", clip(name), accepted),
	}
}

// askToDecode asks for room for the body decompressed. How large that is, is only known once a decoder has run, which takes room itself:
// so it is as much as it may be. No client can hold that room by being slow, since the body is here.
func (m *Machine) askToDecode(body []byte) Output {
	m.coded = body
	return Output{Admit: m.x.Request.BodySize + m.decoding(), Resume: true}
}

func (m *Machine) decoding() int64 { return m.cfg.Bundle.RequestBytes + coding.Working }

// Resume judges a compressed body, which goes on as it came unless rules change it.
func (m *Machine) Resume() Output {
	body, name := m.coded, m.x.Request.Encoding
	m.coded = nil
	size, err := coding.Measure(name, body, m.cfg.Bundle.RequestBytes)
	if err != nil {
		return m.Refuse(filters.AsRefusal(err, m.cfg.ID))
	}
	m.x.Request.DecodedSize = size
	decoded, err := coding.Decode(name, body, size)
	if err != nil {
		return m.Refuse(filters.AsRefusal(err, m.cfg.ID))
	}
	return m.judgeBody(decoded)
}
