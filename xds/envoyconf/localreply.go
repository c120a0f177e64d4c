package envoyconf

import (
	"fmt"
	"strings"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	celv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/filters/cel/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"bartizan/filters"
	"bartizan/filters/plain"
)

// Voice is how the gateway refuses on some routes when it is Envoy that has to.
type Voice struct {
	Routes []string      // names; of letters, digits, '.', '-' and '/'
	Route  filters.Route // what they have in common
	Codec  Refuser
}

// Refuser is the one method of filters.Codec that is needed here.
type Refuser interface {
	Refuse(x *filters.Exchange, r filters.Refusal) filters.Reply
}

// lapse is an answer that Envoy makes by itself, told by a CEL expression over its own attributes.
type lapse struct {
	when    string
	status  uint32 // what the client gets; 0: what the codec answers to the kind; sameStatus
	kind    filters.RefusalKind
	message string
}

// sameStatus leaves the status as Envoy set it.
const sameStatus = 1

// lapses are tried in order; the last catches all. The details are Envoy's (%RESPONSE_CODE_DETAILS%).
func lapses() []lapse {
	return []lapse{
		{
			"response.code_details.startsWith('rbac_access_denied')", 0, filters.RefusedOverloaded,
			"the inspection service has not judged this request",
		},
		{
			"response.code_details == 'upgrade_failed'", 426, filters.RefusedUnknown,
			"connections are not upgraded here; use plain HTTP",
		},
		{"response.code == 413", 0, filters.RefusedTooLarge, "the body of this request is too large"},
		{"response.code == 404", 0, filters.RefusedUnknown, "there is no such path here"},
		// Not 500, which agents try many times: with 503 they heed x-should-retry.
		{"response.code == 401", 503, filters.RefusedInternal, "the gateway has no credential for this upstream"},
		{"response.code == 503 && " + byUpstream, 0, filters.RefusedOverloaded, "the upstream cannot be reached"},
		{"response.code == 503", 0, filters.RefusedOverloaded, "the inspection service did not answer"},
		{"response.code == 502", 0, filters.RefusedUpstream, "the upstream's answer is not HTTP, or broke off"},
		{
			"response.code == 504 && response.code_details.startsWith('ext_proc')", 504, filters.RefusedOverloaded,
			"the inspection service did not answer in time",
		},
		{"response.code == 504", 504, filters.RefusedOverloaded, "the upstream did not answer in time"},
		{"response.code < 500", sameStatus, filters.RefusedMalformed, "this is not a request that the gateway can read"},
		{"true", sameStatus, filters.RefusedInternal, "the gateway could not carry this exchange"},
	}
}

// byUpstream: the router speaks of the upstream; every other 503 is ext_proc's status_on_error, whose details are many.
const byUpstream = "(response.code_details.startsWith('upstream') || response.code_details in ['no_healthy_upstream', 'cluster_not_found'])"

// requestID is Envoy's operator for x-request-id: the id by which a person finds the exchange, since there may be no decision.
const requestID = "%REQ(X-REQUEST-ID)%"

// localReplies writes every answer of Envoy's own in the protocol of its route: first a mapper that leaves extproc's answers alone,
// then for each voice and each lapse one, then plain JSON for requests that never had a route.
func localReplies(voices []Voice) *hcmv3.LocalReplyConfig {
	config := &hcmv3.LocalReplyConfig{Mappers: []*hcmv3.ResponseMapper{{Filter: celFilter(madeByExtProc)}}}
	for _, v := range append(voices[:len(voices):len(voices)], Voice{Codec: plain.Refuser{}}) {
		for _, l := range lapses() {
			config.Mappers = append(config.Mappers, v.mapper(l))
		}
	}
	return config
}

// madeByExtProc: Envoy gives every answer of its own some details. An ImmediateResponse has those that extproc sets, or none.
const madeByExtProc = "response.code_details == '' || response.code_details.startsWith('bartizan')"

func (v Voice) mapper(l lapse) *hcmv3.ResponseMapper {
	x := &filters.Exchange{Route: v.Route}
	reply := v.Codec.Refuse(x, filters.Refusal{Kind: l.kind, Message: l.message + " (request " + requestID + ")"})
	m := &hcmv3.ResponseMapper{
		Filter:             celFilter(v.when(l)),
		BodyFormatOverride: jsonFormat(reply.Body),
		HeadersToAdd:       replyHeaders(reply.Headers),
	}
	switch l.status {
	case 0:
		m.StatusCode = u32(uint32(reply.Status))
	case sameStatus:
	default:
		m.StatusCode = u32(l.status)
	}
	return m
}

// when joins the lapse with the voice's routes. Without a route the attribute is absent and the expression errs, which is false.
func (v Voice) when(l lapse) string {
	if v.Routes == nil {
		return l.when
	}
	return fmt.Sprintf("xds.route_name in ['%s'] && (%s)", strings.Join(v.Routes, "', '"), l.when)
}

func replyHeaders(headers []filters.Header) []*corev3.HeaderValueOption {
	options := []*corev3.HeaderValueOption{setHeader("x-request-id", requestID)}
	for _, h := range headers {
		if h.Name == "content-type" || h.Value == "" {
			continue // of the body format; and there is no decision to name
		}
		options = append(options, setHeader(h.Name, h.Value))
	}
	return options
}

func setHeader(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, Value: value},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}

// jsonFormat lets Envoy write the body: it escapes what its operators bring in, so the body is JSON whatever a request holds.
func jsonFormat(body []byte) *corev3.SubstitutionFormatString {
	format := new(structpb.Struct)
	if err := format.UnmarshalJSON(body); err != nil {
		format = &structpb.Struct{Fields: map[string]*structpb.Value{"error": structpb.NewStringValue(string(body))}}
	}
	return &corev3.SubstitutionFormatString{Format: &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: format}}
}

func celFilter(expression string) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ExtensionFilter{
		ExtensionFilter: &accesslogv3.ExtensionFilter{
			Name: "cel",
			ConfigType: &accesslogv3.ExtensionFilter_TypedConfig{
				TypedConfig: pack(&celv3.ExpressionFilter{Expression: expression}),
			},
		},
	}}
}
