package stream

import (
	"strconv"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"bartizan/filters"
)

// viaUpstream is the response code detail of an answer that an upstream gave. With any other one Envoy answers by itself: the
// body was larger than it buffers, the upstream could not be reached, its credential is missing.
const viaUpstream = "via_upstream"

func isLocalReply(details string) bool { return details != "" && details != viaUpstream }

// localReply lets Envoy's own answer pass as it is: the control server has put it in the caller's protocol. It can come in any
// phase before an upstream has answered, also first of all, for a request that Envoy refused before the filter saw it.
func (m *Machine) localReply(h *extproc.HttpHeaders, details string) Output {
	in := readHeaders(h.GetHeaders())
	m.status, _ = strconv.Atoi(in.status)
	m.x.Response.Status, m.x.Response.MediaType = m.status, in.mediaType
	m.local = details
	m.reader = verbatim{}
	if m.phase == AwaitRequestHeaders {
		m.recorded = true // nothing is known of the request here: its record is made from Envoy's access log
	}
	m.phase = AwaitResponseBody
	m.headersHeld = true
	if h.GetEndOfStream() {
		return m.responseEnd(nil, endedByHeaders)
	}
	return Output{Send: m.release(m.out[:0], nil, false)}
}

// verbatim passes an answer of Envoy's own.
type verbatim struct{}

// Write passes p.
func (verbatim) Write(p []byte) ([]byte, error) { return p, nil }

// Close has nothing left.
func (verbatim) Close() ([]byte, error) { return nil, nil }

// Cut adds nothing: what Envoy said stands for itself.
func (verbatim) Cut(filters.Refusal) []byte { return nil }
