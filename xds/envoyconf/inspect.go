package envoyconf

import (
	"time"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	rbacconfigv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/proto"
)

// messageTimeout is how long extproc may take for the headers or the body of a request before Envoy answers 504. extproc's own
// deadlines are shorter; this is for a process that hangs. It spans the wait for admission and for a durable record, so it is not
// Envoy's 200 ms. It does not run in responses.
const messageTimeout = 10 * time.Second

// extProc holds the request until it is judged whole, and passes the response through extproc as it flows.
func extProc() *hcmv3.HttpFilter {
	return httpFilter(FilterExtProc, &extprocv3.ExternalProcessor{
		GrpcService:      grpcService(ClusterExtProc), // without retry: Envoy would keep the bytes of the side stream
		FailureModeAllow: false,
		StatusOnError:    &typev3.HttpStatus{Code: typev3.StatusCode_ServiceUnavailable},
		ProcessingMode: &extprocv3.ProcessingMode{
			RequestHeaderMode:   extprocv3.ProcessingMode_SEND,
			RequestBodyMode:     extprocv3.ProcessingMode_BUFFERED,
			RequestTrailerMode:  extprocv3.ProcessingMode_SKIP,
			ResponseHeaderMode:  extprocv3.ProcessingMode_SEND,
			ResponseBodyMode:    extprocv3.ProcessingMode_FULL_DUPLEX_STREAMED,
			ResponseTrailerMode: extprocv3.ProcessingMode_SEND, // FULL_DUPLEX_STREAMED wants it
		},
		MessageTimeout:    duration(messageTimeout),
		AllowModeOverride: false,
		// The route that was judged is the route that is taken.
		RouteCacheAction:  extprocv3.ExternalProcessor_RETAIN,
		RequestAttributes: []string{"xds.route_name", "request.id", "source.address"},
		// extproc sees Envoy's own answers too: "via_upstream" tells that an answer is none of them.
		ResponseAttributes: []string{"response.code_details"},
		MetadataOptions: &extprocv3.MetadataOptions{
			ForwardingNamespaces: &extprocv3.MetadataOptions_MetadataNamespaces{Untyped: []string{TokenNamespace}},
			ReceivingNamespaces:  &extprocv3.MetadataOptions_MetadataNamespaces{Untyped: []string{Namespace}},
		},
		MutationRules: &mutationv3.HeaderMutationRules{DisallowSystem: yes(), DisallowIsError: yes()},
		StatPrefix:    Namespace,
	})
}

// stamp forwards only what extproc has marked as judged. Without it a processor that ends its stream with OK would let the whole
// exchange pass uninspected, whatever failure_mode_allow says.
func stamp() *hcmv3.HttpFilter {
	judged := &rbacconfigv3.Policy{
		Permissions: []*rbacconfigv3.Permission{{Rule: &rbacconfigv3.Permission_SourcedMetadata{
			SourcedMetadata: &rbacconfigv3.SourcedMetadata{
				MetadataMatcher: stampMatcher(exactly(StampValue)),
				MetadataSource:  rbacconfigv3.MetadataSource_DYNAMIC,
			},
		}}},
		Principals: []*rbacconfigv3.Principal{{Identifier: &rbacconfigv3.Principal_Any{Any: true}}},
	}
	return httpFilter(FilterStamp, &rbacv3.RBAC{Rules: &rbacconfigv3.RBAC{
		Action:   rbacconfigv3.RBAC_ALLOW,
		Policies: map[string]*rbacconfigv3.Policy{StampValue: judged},
	}})
}

// stampMatcher looks at what extproc has said of the request.
func stampMatcher(value *matcherv3.ValueMatcher) *matcherv3.MetadataMatcher {
	return &matcherv3.MetadataMatcher{
		Filter: Namespace,
		Path: []*matcherv3.MetadataMatcher_PathSegment{{
			Segment: &matcherv3.MetadataMatcher_PathSegment_Key{Key: StampKey},
		}},
		Value: value,
	}
}

func exactly(s string) *matcherv3.ValueMatcher {
	return &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_StringMatch{StringMatch: exactString(s)}}
}

func exactString(s string) *matcherv3.StringMatcher {
	return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: s}}
}

func httpFilter(name string, config proto.Message) *hcmv3.HttpFilter {
	return &hcmv3.HttpFilter{Name: name, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: pack(config)}}
}
