// Package openai reads and refuses in the dialect of OpenAI's Chat Completions API (POST /v1/chat/completions), which many
// other providers speak too.
//
// It promises that every piece of content of a request becomes a block: what a type it does not know carries is kept whole as
// JSON. Members it does not know are checked for their grammar and pass. Bodies are read and never rewritten. Of an answer it
// reads usage, finish reason, tool calls and errors while the answer passes. Streams report usage only where the request asks
// for it (stream_options.include_usage).
//
// It does not judge, and does not check what only the provider can: which models, types and values exist. A Codec holds
// nothing and is safe for concurrent use. What is wrong with a body is a *filters.BodyError.
package openai

import (
	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/llm/internal/request"
)

// Codec implements filters.Codec.
type Codec struct{}

var _ filters.Codec = Codec{}

// Response reads the answer to x. Response.Complete is set by the event [DONE], or by the end of a JSON body.
func (Codec) Response(x *filters.Exchange, _ filters.AnswerJudge) (filters.ResponseReader, error) {
	return answer.New(x, &reading{x: x})
}

// Treat edits plain texts. Other content has no form for a notice.
func (Codec) Treat(x *filters.Exchange, body []byte, treatments []filters.Treatment) error {
	return request.Treat(x, body, treatments)
}

// Refuse renders r as an error answer.
func (Codec) Refuse(_ *filters.Exchange, r filters.Refusal) filters.Reply {
	status, kind, code := refusal(r.Kind)
	reply := answer.Reply(status, r, errorBody(kind, code, r))
	if r.Kind == filters.RefusedHTTPMethod {
		reply.Headers = append(reply.Headers, filters.Header{Name: "allow", Value: "POST"})
	}
	return reply
}

// refusal chooses the status, the error type and the code. The SDKs retry 408, 409, 429 and everything from 500 on.
func refusal(k filters.RefusalKind) (status int, kind, code string) {
	switch k {
	case filters.RefusedByPolicy:
		return 451, "permission_error", "policy_denied"
	case filters.RefusedMalformed:
		return 400, "invalid_request_error", "malformed_request"
	case filters.RefusedTooLarge:
		return 413, "invalid_request_error", "request_too_large"
	case filters.RefusedEncoding:
		return 415, "invalid_request_error", "unsupported_encoding"
	case filters.RefusedIdentity:
		return 401, "invalid_request_error", "invalid_api_key"
	case filters.RefusedUnknown:
		return 404, "invalid_request_error", "unknown_url"
	case filters.RefusedHTTPMethod:
		return 405, "invalid_request_error", "method_not_allowed"
	case filters.RefusedOverloaded, filters.RefusedUnrecordable:
		return 503, "server_error", "overloaded"
	case filters.RefusedUpstream:
		return 502, "server_error", "upstream_error"
	default:
		return 500, "server_error", "internal_error"
	}
}

// errorBody is the error object of the API (https://platform.openai.com/docs/guides/error-codes).
func errorBody(kind, code string, r filters.Refusal) []byte {
	return []byte(`{"error":{"message":` + answer.Quote(r.Text()) + `,"type":` + answer.Quote(kind) + `,"param":null,"code":` + answer.Quote(code) + `}}`)
}
