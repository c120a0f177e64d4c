package bedrock

import (
	"bartizan/filters"
	"bartizan/filters/eventstream"
	"bartizan/filters/llm/internal/answer"
)

// Refuse renders r as an error answer: the type in a header, the message in the body, as AWS has it
// (https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization).
func (Codec) Refuse(x *filters.Exchange, r filters.Refusal) filters.Reply {
	if r.AsMessage && x.LLM != nil {
		if reply, ok := message(x, r); ok {
			return reply
		}
	}
	status, kind := refusal(r.Kind)
	reply := answer.Reply(status, r, errorBody(r))
	reply.Headers = append(reply.Headers, filters.Header{Name: "x-amzn-errortype", Value: kind})
	return reply
}

// refusal chooses the status and the type with which AWS's SDKs show the message after one try. They try 500, 502, 503 and 504 again,
// whatever x-should-retry says, and so only what may pass soon has one of these. 451 is what Claude Code shows word for word.
func refusal(k filters.RefusalKind) (status int, kind string) {
	switch k {
	case filters.RefusedByPolicy:
		return 451, "AccessDeniedException"
	case filters.RefusedMalformed:
		return 400, "ValidationException"
	case filters.RefusedTooLarge:
		return 413, "RequestEntityTooLargeException"
	case filters.RefusedEncoding:
		return 415, "ValidationException"
	case filters.RefusedIdentity:
		return 403, "AccessDeniedException"
	case filters.RefusedUnknown:
		return 404, "ResourceNotFoundException"
	case filters.RefusedHTTPMethod:
		return 405, "ValidationException"
	case filters.RefusedOverloaded, filters.RefusedUnrecordable:
		return 503, "ServiceUnavailableException"
	case filters.RefusedUpstream:
		return 424, "ModelErrorException"
	default:
		return 424, "InternalServerException"
	}
}

func errorBody(r filters.Refusal) []byte { return []byte(`{"message":` + answer.Quote(r.Text()) + `}`) }

// exception ends a stream. Its names are those that both streams have, for a client knows no others.
func exception(r filters.Refusal) []byte {
	name := "internalServerException"
	switch r.Kind {
	case filters.RefusedByPolicy:
		name = "validationException"
	case filters.RefusedUpstream:
		name = "modelStreamErrorException"
	case filters.RefusedOverloaded, filters.RefusedUnrecordable:
		name = "serviceUnavailableException"
	}
	return eventstream.Append(nil, eventstream.Exception, name, errorBody(r))
}
