// Package bedrock reads and refuses in the dialect of Amazon Bedrock's runtime API: Converse and ConverseStream, InvokeModel and
// InvokeModelWithResponseStream with bodies of Anthropic's Messages API, and CountTokens of both
// (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html).
//
// It promises that every piece of content of a request becomes a block: what a member it does not know carries is kept whole as JSON.
// Free-form fields (additionalModelRequestFields) are kept whole too, and read as fields of the Messages API besides. Of a body of
// InvokeModel that is no Anthropic one nothing is known, and it is refused. The model is the one of the path. Streams are frames of
// package eventstream; what is cut ends with an exception of the service's own model.
//
// It does not judge, and does not check what only the provider can: which models, types and values exist. A Codec holds
// nothing and is safe for concurrent use. What is wrong with a body is a *filters.BodyError.
package bedrock

import (
	"net/http"
	"strings"

	"bartizan/filters"
	"bartizan/filters/llm/anthropic"
	"bartizan/filters/llm/internal/answer"
)

// Codec implements filters.Codec.
type Codec struct{}

var _ filters.Codec = Codec{}

// The operations, as Route.Operation.
const (
	Converse       = "converse"
	ConverseStream = "converse-stream"
	Invoke         = "invoke"
	InvokeStream   = "invoke-with-response-stream"
	CountTokens    = "count-tokens"
)

// invokes tells whether the bodies of an operation are those of the model's own API.
func invokes(operation string) bool { return operation == Invoke || operation == InvokeStream }

// streams tells whether an operation is answered by a stream.
func streams(operation string) bool { return strings.HasSuffix(operation, "-stream") }

// Response reads the answer to x. Response.Complete is set by the event messageStop, or by the end of a JSON body.
func (Codec) Response(x *filters.Exchange, judge filters.AnswerJudge) (filters.ResponseReader, error) {
	if x.Response.MediaType == "text/event-stream" && x.Response.Status < http.StatusBadRequest {
		return nil, &filters.BodyError{Kind: filters.RefusedUpstream, Message: "the provider's answer cannot be judged: Amazon Bedrock has no such streams"}
	}
	if invokes(x.Route.Operation) {
		return answer.New(x, judge, &invoked{Dialect: anthropic.Answer(x), x: x})
	}
	return answer.New(x, judge, &reading{x: x})
}

// DecodeRequest reads the body of a request into x.LLM and x.Blocks. After an error x is as before.
func (Codec) DecodeRequest(x *filters.Exchange, body []byte) error {
	if x.Request.Query != "" { // no operation has one, and AWS takes signatures from there
		return malformed("", "no query is taken here")
	}
	model, err := modelOf(x.Request.Path)
	switch op := x.Route.Operation; {
	case err != nil:
		return err
	case invokes(op):
		return decodeInvoke(x, model, body)
	case op == CountTokens:
		return decodeCount(x, model, body)
	default:
		return decodeConverse(x, model, body)
	}
}
