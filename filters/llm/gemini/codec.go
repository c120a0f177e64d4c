// Package gemini reads and refuses in the dialect of Google's Gemini API: generateContent, streamGenerateContent, countTokens,
// embedContent, batchEmbedContents and batchGenerateContent, of v1, v1beta and v1alpha (https://ai.google.dev/api). Of requests about files and
// models it reads the address, and tells which bodies are the bytes of a file.
//
// The API takes every field in two spellings, camelCase and snake_case (the JSON mapping of Protocol Buffers), a null for an absent
// field, and one value for a list of one. All of these are read as what they mean; both spellings of one field in one object are
// refused, as any duplicate name. The model stands in the path. What parameters and headers could change in the meaning of a request
// behind the gateway's back is refused.
//
// It promises that every piece of content of a request becomes a block, and of an answer a part: what it does not know is kept whole as
// JSON. Texts of an answer that follow one another are one part, as clients join them; so are the pieces of a call, whose arguments are what
// they say together. A stream is read as events, or as the one list that it is without alt=sse.
//
// It does not judge, and does not check what only the provider can: which models, types and values exist. A Codec holds nothing and
// is safe for concurrent use. What is wrong with a request is a *filters.BodyError.
package gemini

import (
	"encoding/base64"
	"strconv"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/llm/internal/request"

	"github.com/go-json-experiment/json/jsontext"
)

// Codec implements filters.Codec.
type Codec struct{}

var _ filters.Codec = Codec{}

// Response reads the answer to x. Response.Complete is set by the finish of every candidate, or by the end of a JSON body.
func (Codec) Response(x *filters.Exchange, judge filters.AnswerJudge) (filters.ResponseReader, error) {
	r := &reading{x: x, list: asList(x) && x.Response.MediaType == "application/json", taken: taken{most: maxPieces}}
	if judge == nil {
		r.taken.most = maxUnjudged
	}
	return answer.New(x, judge, r)
}

// Treat edits texts and JSON, and puts a text in the place of images, documents and files: within what a function answers, where no part
// is one, as a file of text.
func (Codec) Treat(x *filters.Exchange, body []byte, treatments []filters.Treatment) error {
	return request.Treat(x, body, treatments, func(b *filters.Block, quoted string) string {
		text, err := jsontext.AppendUnquote(nil, quoted)
		if b.Origin != filters.OriginToolResult || err != nil {
			return `{"text":` + quoted + `}`
		}
		return `{"inlineData":{"mimeType":"text/plain","data":"` + base64.StdEncoding.EncodeToString(text) + `"}}`
	})
}

// Refuse renders r as an error answer, or as a message of the model where r wants that and the operation has messages.
func (Codec) Refuse(x *filters.Exchange, r filters.Refusal) filters.Reply {
	if r.AsMessage && x.LLM != nil && generates(x.Route.Operation) {
		return message(x, r)
	}
	status, canonical := refusal(r.Kind)
	body := errorBody(status, canonical, r)
	if asList(x) {
		body = listOf(body)
	}
	reply := answer.Reply(status, r, body)
	if x.Route.Operation == filesCreate && status < 500 {
		reply.Headers = append(reply.Headers, filters.Header{Name: "x-goog-upload-status", Value: "final"}) // else SDKs send the same bytes again
	}
	return reply
}

func generates(operation string) bool {
	return operation == "generateContent" || operation == "streamGenerateContent"
}

// refusal chooses the status and Google's canonical code (google.rpc.Code). Gemini CLI shows the message of a 400 to 404 and a 422 after
// one try, as measured; 429 and everything from 500 on it tries up to ten times.
func refusal(k filters.RefusalKind) (status int, canonical string) {
	switch k {
	case filters.RefusedByPolicy:
		return 403, "PERMISSION_DENIED"
	case filters.RefusedMalformed:
		return 400, "INVALID_ARGUMENT"
	case filters.RefusedTooLarge:
		return 413, "INVALID_ARGUMENT"
	case filters.RefusedEncoding:
		return 415, "INVALID_ARGUMENT"
	case filters.RefusedIdentity:
		return 401, "UNAUTHENTICATED"
	case filters.RefusedUnknown:
		return 404, "NOT_FOUND"
	case filters.RefusedHTTPMethod:
		return 405, "UNIMPLEMENTED"
	case filters.RefusedOverloaded, filters.RefusedUnrecordable:
		return 503, "UNAVAILABLE"
	case filters.RefusedUpstream:
		return 502, "UNAVAILABLE"
	default:
		return 500, "INTERNAL"
	}
}

// errorBody is the error object of Google's APIs (https://google.aip.dev/193).
func errorBody(status int, canonical string, r filters.Refusal) []byte {
	return []byte(`{"error":{"code":` + strconv.Itoa(status) + `,"message":` + answer.Quote(r.Text()) + `,"status":` + answer.Quote(canonical) + `}}`)
}
