// Package anthropic reads and refuses in the dialect of Anthropic's Messages API (POST /v1/messages), versions 2023-06-01 and
// 2026-10-21.
//
// It promises that every piece of content of a request becomes a block: what a type it does not know carries is kept whole as
// JSON. Members it does not know are checked for their grammar and pass. Of an answer it
// reads usage, stop reason, tool calls and errors while the answer passes, part by part for the judge (package answer).
//
// It does not check what only the provider can: which models, types and values exist. A Codec holds
// nothing and is safe for concurrent use. What is wrong with a body is a *filters.BodyError.
package anthropic

import (
	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/llm/internal/request"
)

// Codec implements filters.Codec.
type Codec struct{}

var _ filters.Codec = Codec{}

// Response reads the answer to x. Response.Complete is set by the event message_stop, or by the end of a JSON body.
func (Codec) Response(x *filters.Exchange, judge filters.AnswerJudge) (filters.ResponseReader, error) {
	return answer.New(x, judge, &reading{x: x})
}

// Treat edits texts and JSON, and puts a text in the place of images, documents and whatever else is a content block of its own. Tool
// definitions and the results of the API's own tools have no form for a notice.
func (Codec) Treat(x *filters.Exchange, body []byte, treatments []filters.Treatment) error {
	return request.Treat(x, body, treatments, func(_ *filters.Block, quoted string) string { return `{"type":"text","text":` + quoted + `}` })
}

// Refuse renders r as an error answer, or as a message of the model where r wants that and one was asked for.
func (Codec) Refuse(x *filters.Exchange, r filters.Refusal) filters.Reply {
	if r.AsMessage && x.LLM != nil && x.Route.Operation == "messages" {
		return spoken(x, r)
	}
	status, kind := refusal(r.Kind)
	return answer.Reply(status, r, errorBody(kind, r))
}

// refusal chooses the status and error type with which clients show the message after one try, as measured on Claude Code: 451
// is shown word for word, where 400 costs six tries, 403 reads "Failed to authenticate" and 401 costs eleven tries.
func refusal(k filters.RefusalKind) (status int, kind string) {
	switch k {
	case filters.RefusedByPolicy:
		return 451, "permission_error"
	case filters.RefusedMalformed:
		return 400, "invalid_request_error"
	case filters.RefusedTooLarge:
		return 413, "request_too_large"
	case filters.RefusedEncoding:
		return 415, "invalid_request_error"
	case filters.RefusedIdentity:
		return 403, "authentication_error"
	case filters.RefusedUnknown:
		return 404, "not_found_error"
	case filters.RefusedHTTPMethod:
		return 405, "invalid_request_error"
	case filters.RefusedOverloaded, filters.RefusedUnrecordable:
		return 503, "overloaded_error"
	case filters.RefusedUpstream:
		return 502, "api_error"
	default:
		return 500, "api_error"
	}
}

// errorBody is the error object of the API (https://docs.anthropic.com/en/api/errors). The decision stands in for the
// request id, which people are asked for.
func errorBody(kind string, r filters.Refusal) []byte {
	b := []byte(`{"type":"error","error":{"type":` + answer.Quote(kind) + `,"message":` + answer.Quote(r.Text()) + `}`)
	if r.DecisionID != "" {
		b = append(b, `,"request_id":`+answer.Quote(r.DecisionID)...)
	}
	return append(b, '}')
}
