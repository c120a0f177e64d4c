// Package responses reads and refuses in the dialect of OpenAI's Responses API: POST /v1/responses, and /v1/responses/input_tokens and
// /v1/responses/compact, which carry the same input (https://platform.openai.com/docs/api-reference/responses).
//
// It promises that every piece of content of a request becomes a block, wherever it stands in the input; that tools and what the provider
// is to bring are seen wherever they are declared: in tools, in additional_tools items, in the outputs of tool searches; and that a tool of
// a namespace is named namespace/name, one of a server of the provider's server/name, in requests and answers alike. What a type it does
// not know carries is kept whole as JSON. Secrets in tools (authorization, headers, domain_secrets) become no part of anything.
//
// It does not judge, and does not check what only the provider can: which models, types and values exist. A Codec holds
// nothing and is safe for concurrent use. What is wrong with a body is a *filters.BodyError.
package responses

import (
	"net/url"
	"strings"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/llm/internal/request"
)

// Codec implements filters.Codec.
type Codec struct{}

var _ filters.Codec = Codec{}

// Treat edits texts and JSON, and puts a text in the place of images, audio and files. Tool definitions, whole items of unknown types and
// what the provider has sealed have no form for a notice.
func (Codec) Treat(x *filters.Exchange, body []byte, treatments []filters.Treatment) error {
	return request.Treat(x, body, treatments, func(b *filters.Block, quoted string) string {
		if b.Role == "assistant" {
			return `{"type":"output_text","text":` + quoted + `}`
		}
		return `{"type":"input_text","text":` + quoted + `}`
	})
}

// Response reads the answer to x. One that was kept (responses.retrieve, responses.cancel) counts no tokens: it may be fetched many times. Its stream
// from the middle is not judged, since it may begin within a word.
func (Codec) Response(x *filters.Exchange, judge filters.AnswerJudge) (filters.ResponseReader, error) {
	kept := strings.HasSuffix(x.Route.Operation, ".retrieve") || strings.HasSuffix(x.Route.Operation, ".cancel")
	if kept && judge != nil && x.Response.MediaType == "text/event-stream" {
		if asked, err := url.ParseQuery(x.Request.Query); err != nil || asked.Has("starting_after") {
			return nil, &filters.BodyError{Kind: filters.RefusedUpstream, Message: "an answer that begins behind starting_after cannot be judged: ask for all of it"}
		}
	}
	return answer.New(x, judge, &reading{x: x, kept: kept})
}
