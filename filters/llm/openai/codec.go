// Package openai reads and refuses in the dialect of OpenAI: Chat Completions (POST /v1/chat/completions), which many other providers
// speak too, and by package responses the Responses API (POST /v1/responses and what carries the same input).
//
// It promises that every piece of content of a request becomes a block: what a type it does not know carries is kept whole as
// JSON. Members it does not know are checked for their grammar and pass. Of an answer it
// reads usage, finish reason, tool calls and errors while the answer passes, part by part for the judge (package answer). Streams report usage only where the request asks
// for it (stream_options.include_usage).
//
// It does not check what only the provider can: which models, types and values exist. A Codec holds
// nothing and is safe for concurrent use. What is wrong with a body is a *filters.BodyError.
package openai

import (
	"strings"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/llm/internal/request"
	"bartizan/filters/llm/openai/internal/fault"
	"bartizan/filters/llm/openai/internal/responses"
)

// Codec implements filters.Codec.
type Codec struct{}

var _ filters.Codec = Codec{}

// Response reads the answer to x. Response.Complete is set by the event [DONE], or by the end of a JSON body.
func (Codec) Response(x *filters.Exchange, judge filters.AnswerJudge) (filters.ResponseReader, error) {
	if isResponses(x) {
		return responses.Codec{}.Response(x, judge)
	}
	return answer.New(x, judge, &reading{x: x})
}

// DecodeRequest reads the body of a request into x.LLM, x.Blocks and x.Claimed.UserID. After an error x is as before.
func (Codec) DecodeRequest(x *filters.Exchange, body []byte) error {
	if isResponses(x) {
		return responses.Codec{}.DecodeRequest(x, body)
	}
	return decodeChat(x, body)
}

// Treat edits texts and JSON, and puts a text in the place of images, audio and files. Tool definitions have no form for a notice.
func (Codec) Treat(x *filters.Exchange, body []byte, treatments []filters.Treatment) error {
	if isResponses(x) {
		return responses.Codec{}.Treat(x, body, treatments)
	}
	return request.Treat(x, body, treatments, func(_ *filters.Block, quoted string) string { return `{"type":"text","text":` + quoted + `}` })
}

// Refuse renders r as an error answer, or as a message of the model where r wants that and one was asked for.
func (Codec) Refuse(x *filters.Exchange, r filters.Refusal) filters.Reply {
	if isResponses(x) {
		return responses.Codec{}.Refuse(x, r)
	}
	if r.AsMessage && x.LLM != nil && x.Route.Operation == "chat.completions" {
		return spoken(x, r)
	}
	return fault.Reply(r)
}

// isResponses tells the Responses API, with what carries the same input, from Chat Completions.
func isResponses(x *filters.Exchange) bool { return strings.HasPrefix(x.Route.Operation, "responses") }
