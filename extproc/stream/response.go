package stream

import (
	"fmt"
	"strconv"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"bartizan/filters"
	"bartizan/filters/eventstream"
)

// maxChunk bounds the body of one StreamedBodyResponse. ext_proc advises 64 KiB at most. gRPC encodes a message into a buffer of 32 KiB
// where it fits, else into one of 1 MiB: with chunks of 64 KiB, 100 clients that stopped reading cost 700 MB, with these 100 MB.
const maxChunk = 31 << 10

// responseHeaders chooses the reader of the answer. The answer to the headers of anything but an event stream is held until
// its body is judged, so that a refusal can still be a whole HTTP answer with a status of its own.
func (m *Machine) responseHeaders(h *extproc.HttpHeaders) Output {
	in := readHeaders(h.GetHeaders())
	m.x.Response.Status, _ = strconv.Atoi(in.status)
	m.x.Response.MediaType = in.mediaType
	if in.encoding != "" && in.encoding != "identity" {
		return m.Refuse(filters.Refusal{
			Kind:    filters.RefusedUpstream,
			Message: fmt.Sprintf("the upstream answered with content-encoding %q, which cannot be judged", clip(in.encoding)),
		})
	}
	if refusal := m.leadOn(in); refusal != nil {
		return m.Refuse(*refusal)
	}
	reader, err := m.codec.Response(&m.x, m.judge)
	if err != nil {
		return m.Refuse(filters.AsRefusal(err, m.cfg.ID))
	}
	m.reader = reader
	m.status = m.x.Response.Status
	m.phase = AwaitResponseBody
	m.headersHeld = true
	switch {
	case h.GetEndOfStream():
		return m.responseEnd(nil, endedByHeaders)
	case in.mediaType == "text/event-stream", in.mediaType == eventstream.MediaType:
		return Output{Send: m.release(m.out[:0], nil, false)}
	default:
		return Output{}
	}
}

// responseBody passes what the reader lets go.
func (m *Machine) responseBody(b *extproc.HttpBody) Output {
	m.keepCame(&m.payload.Response, b.GetBody())
	pass, err := m.reader.Write(b.GetBody())
	m.joinAnswer(false)
	m.held = m.holds(int64(len(b.GetBody())) - int64(len(pass)))
	if err != nil {
		return m.cut(pass, filters.AsRefusal(err, m.cfg.ID))
	}
	if b.GetEndOfStream() {
		return m.responseEnd(pass, endedByBody)
	}
	if len(pass) == 0 {
		return Output{}
	}
	return Output{Send: m.release(m.out[:0], pass, false)}
}

// holds is how much of the answer is held back, after so many bytes more came than passed. A reader that changes what passes says it itself.
func (m *Machine) holds(more int64) int64 {
	if r, ok := m.reader.(interface{ Held() int64 }); ok {
		return r.Held()
	}
	return max(0, m.held+more)
}

// responseTrailers ends an answer that has trailers: what was held goes before them.
func (m *Machine) responseTrailers() Output {
	return m.responseEnd(nil, endedByTrailers)
}

// ending is how Envoy says that an answer is over.
type ending int

const (
	endedByHeaders ending = iota
	endedByBody
	endedByTrailers
)

// responseEnd releases what is left and closes the exchange.
func (m *Machine) responseEnd(pass []byte, how ending) Output {
	held, err := m.reader.Close()
	m.joinAnswer(true)
	switch {
	case len(pass) == 0:
		pass = held // the whole of an answer that was not streamed: not copied
	case len(held) > 0:
		pass = append(pass[:len(pass):len(pass)], held...)
	}
	if err != nil {
		return m.cut(pass, filters.AsRefusal(err, m.cfg.ID))
	}
	var out Output
	switch how {
	case endedByHeaders:
		out = m.send(m.responseHeadersAnswer())
	case endedByBody:
		out.Send = m.release(m.out[:0], pass, true)
	case endedByTrailers:
		out.Send = append(m.release(m.out[:0], pass, false), trailersAnswer())
	}
	m.end()
	switch {
	case m.recorded:
	case m.local != "":
		out.Record = m.record(filters.EndedByEnvoy, "envoy: "+m.local)
	default:
		out.Record = m.record(filters.EndedByUpstream, "")
	}
	return out
}

// end leaves only the close of the stream, and nothing in memory for it but what is being sent.
func (m *Machine) end() {
	m.phase, m.reader, m.held, m.coded = Ended, nil, 0, nil
}

// breakOff leaves nothing at all: a record that waits for Envoy's word keeps the machine in memory, and must not keep bodies.
func (m *Machine) breakOff(why error) {
	if m.headersHeld {
		m.status = 0 // the client has got none of the answer
	}
	m.end()
	m.phase, m.fault, m.out = Broken, why, [2]*extproc.ProcessingResponse{}
}

// release turns bytes into chunks, after the answer to the headers where that was held.
func (m *Machine) release(send []*extproc.ProcessingResponse, pass []byte, last bool) []*extproc.ProcessingResponse {
	if m.headersHeld {
		m.headersHeld = false
		send = append(send, m.responseHeadersAnswer())
	}
	m.x.Response.Bytes += int64(len(pass))
	m.keepPassed(&m.payload.Response, pass)
	for len(pass) > maxChunk {
		send = append(send, chunk(pass[:maxChunk], false))
		pass = pass[maxChunk:]
	}
	if len(pass) > 0 || last {
		send = append(send, chunk(pass, last))
	}
	return send
}

// cut ends an answer that may not go on, after the bytes that still may. Before its headers went out the caller gets a whole
// refusal; after that the answer ends well-formed with an error in the caller's protocol, and Envoy cancels the upstream.
func (m *Machine) cut(pass []byte, r filters.Refusal) Output {
	if m.headersHeld && len(pass) == 0 {
		return m.Refuse(r)
	}
	r.DecisionID = m.cfg.ID
	m.refusal = &r
	pass = append(pass[:len(pass):len(pass)], m.reader.Cut(r)...)
	out := Output{Send: m.release(m.out[:0], pass, true)}
	m.end()
	if !m.recorded {
		out.Record = m.record(filters.EndedByGateway, "cut: "+r.Message)
	}
	return out
}
