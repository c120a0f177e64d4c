package envoyconf

import (
	"time"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	grpclogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/grpc/v3"
)

// accessLogs tells extproc of the exchanges that it cannot close by itself: those of which it never heard, and those that ended
// for a reason that only Envoy knows. It knows all others, so they are not sent.
func accessLogs() []*accesslogv3.AccessLog {
	return []*accesslogv3.AccessLog{{
		Name:   "extproc",
		Filter: anyOf(hasResponseFlag(), undecided(), celFilter(brokenInspection)),
		ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: pack(&grpclogv3.HttpGrpcAccessLogConfig{
			CommonConfig: &grpclogv3.CommonGrpcAccessLogConfig{
				LogName:             AccessLogName,
				GrpcService:         grpcService(ClusterExtProc),
				TransportApiVersion: corev3.ApiVersion_V3,
				BufferFlushInterval: duration(200 * time.Millisecond),
			},
		})},
	}}
}

// hasResponseFlag: the upstream failed, a timer ran out, the client left (Envoy's response flags; an empty list means any).
func hasResponseFlag() *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ResponseFlagFilter{
		ResponseFlagFilter: &accesslogv3.ResponseFlagFilter{},
	}}
}

// brokenInspection: the stream to extproc broke after the request was judged. That sets no response flag; and if the process is gone, no
// one else can tell of the exchange.
const brokenInspection = "response.code_details.startsWith('ext_proc')"

// undecided: extproc has said nothing of the request, or no more than that it has seen its headers. Envoy asks
// match_if_key_not_found where the key is absent and the value where it is present; it never looks at invert.
func undecided() *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_MetadataFilter{
		MetadataFilter: &accesslogv3.MetadataFilter{Matcher: stampMatcher(exactly(StampSeen)), MatchIfKeyNotFound: yes()},
	}}
}

func anyOf(filters ...*accesslogv3.AccessLogFilter) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_OrFilter{
		OrFilter: &accesslogv3.OrFilter{Filters: filters},
	}}
}
