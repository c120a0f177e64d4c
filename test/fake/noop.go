package fake

import (
	procmode "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/protobuf/types/known/structpb"
)

// NoopProcessor is an ext_proc service that lets everything pass: the floor of what a Go processor costs, and the
// well-behaved half of Processor. It answers each message with the smallest right answer, stamps the request as judged, and
// keeps nothing. One NoopProcessor serves any number of streams at once.
type NoopProcessor struct {
	extproc.UnimplementedExternalProcessorServer
	replies replies
}

// NewNoopProcessor returns a no-op; register it with extproc.RegisterExternalProcessorServer.
func NewNoopProcessor() *NoopProcessor { return &NoopProcessor{replies: newReplies()} }

// Process answers one stream until Envoy ends it.
func (p *NoopProcessor) Process(stream extproc.ExternalProcessor_ProcessServer) error {
	var req extproc.ProcessingRequest // one for all messages of the stream: decoding resets it
	var modes bodyModes
	for {
		if err := stream.RecvMsg(&req); err != nil {
			return err // never OK: an OK close lets the rest pass uninspected
		}
		modes.learn(&req)
		if err := stream.Send(p.replies.to(&req, modes)); err != nil {
			return err
		}
	}
}

// replies are the answers that are the same each time. They are shared by all streams, and only read.
type replies struct {
	requestHeaders, requestHeadersStamped *extproc.ProcessingResponse
	requestBody, requestTrailers          *extproc.ProcessingResponse
	responseHeaders, responseTrailers     *extproc.ProcessingResponse
	responseBody                          *extproc.ProcessingResponse
	stamp                                 *structpb.Struct
}

func newReplies() replies {
	stamp := &structpb.Struct{Fields: map[string]*structpb.Value{
		"bartizan": structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{
			"request": structpb.NewStringValue("judged"),
		}}),
	}}
	requestHeaders := &extproc.ProcessingResponse_RequestHeaders{RequestHeaders: &extproc.HeadersResponse{}}
	return replies{
		stamp:                 stamp,
		requestHeaders:        &extproc.ProcessingResponse{Response: requestHeaders},
		requestHeadersStamped: &extproc.ProcessingResponse{Response: requestHeaders, DynamicMetadata: stamp},
		requestBody: &extproc.ProcessingResponse{
			Response:        &extproc.ProcessingResponse_RequestBody{RequestBody: &extproc.BodyResponse{}},
			DynamicMetadata: stamp,
		},
		requestTrailers: &extproc.ProcessingResponse{
			Response: &extproc.ProcessingResponse_RequestTrailers{RequestTrailers: &extproc.TrailersResponse{}},
		},
		responseHeaders: &extproc.ProcessingResponse{
			Response: &extproc.ProcessingResponse_ResponseHeaders{ResponseHeaders: &extproc.HeadersResponse{}},
		},
		responseBody: &extproc.ProcessingResponse{
			Response: &extproc.ProcessingResponse_ResponseBody{ResponseBody: &extproc.BodyResponse{}},
		},
		responseTrailers: &extproc.ProcessingResponse{
			Response: &extproc.ProcessingResponse_ResponseTrailers{ResponseTrailers: &extproc.TrailersResponse{}},
		},
	}
}

// to returns the answer that lets req pass; nil for a message of an unknown kind, which gRPC refuses to send.
func (r *replies) to(req *extproc.ProcessingRequest, modes bodyModes) *extproc.ProcessingResponse {
	switch m := req.Request.(type) {
	case *extproc.ProcessingRequest_RequestHeaders:
		if m.RequestHeaders.EndOfStream {
			return r.requestHeadersStamped // there will be no body to stamp
		}
		return r.requestHeaders
	case *extproc.ProcessingRequest_RequestBody:
		if !modes.duplexRequest {
			return r.requestBody
		}
		return &extproc.ProcessingResponse{
			Response:        &extproc.ProcessingResponse_RequestBody{RequestBody: passOn(m.RequestBody)},
			DynamicMetadata: r.stamp,
		}
	case *extproc.ProcessingRequest_ResponseHeaders:
		return r.responseHeaders
	case *extproc.ProcessingRequest_ResponseBody:
		if !modes.duplexResponse {
			return r.responseBody
		}
		return &extproc.ProcessingResponse{
			Response: &extproc.ProcessingResponse_ResponseBody{ResponseBody: passOn(m.ResponseBody)},
		}
	case *extproc.ProcessingRequest_RequestTrailers:
		return r.requestTrailers
	case *extproc.ProcessingRequest_ResponseTrailers:
		return r.responseTrailers
	}
	return nil
}

// passOn answers a chunk in mode FULL_DUPLEX_STREAMED, where what is not sent back is gone.
func passOn(b *extproc.HttpBody) *extproc.BodyResponse {
	return &extproc.BodyResponse{Response: &extproc.CommonResponse{BodyMutation: &extproc.BodyMutation{
		Mutation: &extproc.BodyMutation_StreamedResponse{
			StreamedResponse: &extproc.StreamedBodyResponse{Body: b.Body, EndOfStream: b.EndOfStream},
		},
	}}}
}

// bodyModes says in which directions bodies come in mode FULL_DUPLEX_STREAMED. Envoy says so in the first message only.
type bodyModes struct{ duplexRequest, duplexResponse bool }

func (b *bodyModes) learn(req *extproc.ProcessingRequest) {
	if c := req.ProtocolConfig; c != nil {
		b.duplexRequest = c.RequestBodyMode == procmode.ProcessingMode_FULL_DUPLEX_STREAMED
		b.duplexResponse = c.ResponseBodyMode == procmode.ProcessingMode_FULL_DUPLEX_STREAMED
	}
}
