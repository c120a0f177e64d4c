package stream

import (
	"net/http"
	"strconv"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"bartizan/extproc/sealed"
	"bartizan/filters"
	"bartizan/filters/plain"
)

// headersAnswer lets the request's headers on without the caller's keys, for which Envoy injects the provider's own credential,
// and without headers of our names, which are not the caller's to send. The caller's own credential for the upstream takes the place
// of his key where the route wants it.
func (m *Machine) headersAnswer(in headers) *extproc.ProcessingResponse {
	common := &extproc.CommonResponse{HeaderMutation: &extproc.HeaderMutation{}}
	for _, c := range in.credentials {
		common.HeaderMutation.RemoveHeaders = append(common.HeaderMutation.RemoveHeaders, c.name)
	}
	common.HeaderMutation.RemoveHeaders = append(common.HeaderMutation.RemoveHeaders, in.forged...)
	if m.x.Route.Aggregate {
		common.HeaderMutation.SetHeaders = []*corev3.HeaderValueOption{setHeader(sealed.CallerHeader, m.seal())}
	}
	for _, c := range in.upstream {
		common.HeaderMutation.RemoveHeaders = append(common.HeaderMutation.RemoveHeaders, c.name)
		if m.at.Passthrough {
			common.HeaderMutation.SetHeaders = []*corev3.HeaderValueOption{setHeader("authorization", c.value)}
		}
	}
	return &extproc.ProcessingResponse{
		Response:        &extproc.ProcessingResponse_RequestHeaders{RequestHeaders: &extproc.HeadersResponse{Response: common}},
		DynamicMetadata: m.cfg.Stamp.seen,
	}
}

// publish answers with a document that everybody may read.
func (m *Machine) publish(document []byte) Output {
	m.status = http.StatusOK
	m.end()
	out := m.send(&extproc.ProcessingResponse{
		Response: &extproc.ProcessingResponse_ImmediateResponse{ImmediateResponse: &extproc.ImmediateResponse{
			Status: &typev3.HttpStatus{Code: typev3.StatusCode_OK},
			Headers: &extproc.HeaderMutation{SetHeaders: []*corev3.HeaderValueOption{
				setHeader("content-type", "application/json"), setHeader(filters.DecisionHeader, m.cfg.ID),
				setHeader("access-control-allow-origin", "*"), // clients in a browser look here before they log in
			}},
			Body:    document,
			Details: "bartizan_document",
		}},
		DynamicMetadata: m.cfg.Stamp.refused, // it goes no further
	})
	out.Record = m.record(filters.EndedByGateway, "")
	return out
}

// responseHeadersAnswer lets the headers of an answer on. An answer of Envoy's own before the request was judged is marked, so
// that the access log does not tell of it again, unless it is the access log that records it: then under the decision named here.
func (m *Machine) responseHeadersAnswer() *extproc.ProcessingResponse {
	set := append([]*corev3.HeaderValueOption{setHeader(filters.DecisionHeader, m.cfg.ID)}, m.onward...)
	common := &extproc.CommonResponse{HeaderMutation: &extproc.HeaderMutation{SetHeaders: set}}
	answer := &extproc.ProcessingResponse{
		Response: &extproc.ProcessingResponse_ResponseHeaders{ResponseHeaders: &extproc.HeadersResponse{Response: common}},
	}
	switch {
	case m.local == "":
	case m.recorded:
		answer.DynamicMetadata = m.cfg.Stamp.named(m.cfg.ID)
	default:
		answer.DynamicMetadata = m.cfg.Stamp.refused
	}
	return answer
}

// replaced puts body in the place of the request's, and headers in that of those which repeat parts of it. Envoy refuses a length that is
// not the body's.
func replaced(body []byte, headers []filters.Header) *extproc.CommonResponse {
	set := []*corev3.HeaderValueOption{setHeader("content-length", strconv.Itoa(len(body)))}
	for _, h := range headers {
		set = append(set, setHeader(h.Name, h.Value))
	}
	return &extproc.CommonResponse{
		HeaderMutation: &extproc.HeaderMutation{SetHeaders: set},
		BodyMutation:   &extproc.BodyMutation{Mutation: &extproc.BodyMutation_Body{Body: body}},
	}
}

// chunk passes bytes of the answer; last ends the answer, whether the upstream has ended it or not.
func chunk(body []byte, last bool) *extproc.ProcessingResponse {
	var parts struct { // one allocation for an event instead of seven
		answer   extproc.ProcessingResponse
		body     extproc.ProcessingResponse_ResponseBody
		response extproc.BodyResponse
		common   extproc.CommonResponse
		mutation extproc.BodyMutation
		streamed extproc.BodyMutation_StreamedResponse
		chunk    extproc.StreamedBodyResponse
	}
	parts.chunk.Body, parts.chunk.EndOfStream = body, last
	parts.streamed.StreamedResponse = &parts.chunk
	parts.mutation.Mutation = &parts.streamed
	parts.common.BodyMutation = &parts.mutation
	parts.response.Response = &parts.common
	parts.body.ResponseBody = &parts.response
	parts.answer.Response = &parts.body
	return &parts.answer
}

func trailersAnswer() *extproc.ProcessingResponse {
	return &extproc.ProcessingResponse{Response: &extproc.ProcessingResponse_ResponseTrailers{ResponseTrailers: &extproc.TrailersResponse{}}}
}

// Refuse answers in the upstream's place, whole and in the caller's protocol. It must not be called once the headers of the
// answer went out; cut is for that.
func (m *Machine) Refuse(r filters.Refusal) Output {
	r.DecisionID = m.cfg.ID
	m.refusal = &r
	reply := m.refuser().Refuse(&m.x, r)
	m.status = reply.Status
	m.end()
	immediate := &extproc.ImmediateResponse{
		Status:  &typev3.HttpStatus{Code: typev3.StatusCode(reply.Status)},
		Headers: &extproc.HeaderMutation{SetHeaders: make([]*corev3.HeaderValueOption, 0, len(reply.Headers))},
		Body:    reply.Body,
		Details: "bartizan_" + string(r.Kind),
	}
	if r.Challenge != "" {
		reply.Headers = append(reply.Headers, filters.Header{Name: "www-authenticate", Value: r.Challenge})
	}
	for _, h := range reply.Headers {
		immediate.Headers.SetHeaders = append(immediate.Headers.SetHeaders, setHeader(h.Name, h.Value))
	}
	out := m.send(&extproc.ProcessingResponse{
		Response:        &extproc.ProcessingResponse_ImmediateResponse{ImmediateResponse: immediate},
		DynamicMetadata: m.cfg.Stamp.refused,
	})
	if !m.recorded {
		out.Record = m.record(filters.EndedByGateway, "")
	}
	return out
}

// refuser speaks the caller's protocol, as far as the route says which it is.
func (m *Machine) refuser() interface {
	Refuse(*filters.Exchange, filters.Refusal) filters.Reply
} {
	if m.codec == nil {
		return plain.Refuser{}
	}
	return m.codec
}

func setHeader(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, RawValue: []byte(value)},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}
