package responses

import (
	"strings"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/llm/openai/internal/fault"
)

// Refuse renders r: as a message of the model where it is to be told so, as an answer that failed where that is what the client shows to
// a person after one try, and else as an error.
func (Codec) Refuse(x *filters.Exchange, r filters.Refusal) filters.Reply {
	s := speech{exchange: x, decision: r.DecisionID}
	switch counts := strings.HasPrefix(x.Route.Operation, "responses."); {
	case counts:
		return fault.Reply(r)
	case r.AsMessage && x.LLM != nil && x.LLM.Stream:
		return reply("text/event-stream", r, s.streamed(r.Text(), &answer.Passed{}))
	case r.AsMessage && x.LLM != nil:
		return reply("application/json", r, []byte(s.whole(r.Text())))
	case isCodex(x) && wantsStream(x) && code(r.Kind) == shown:
		s.event("response.created", `"response":`+s.response("in_progress", "", ""))
		s.fail(r)
		return reply("text/event-stream", r, s.out)
	default:
		return fault.Reply(r)
	}
}

// isCodex tells whether the client is Codex, which tries every status but 400 and 404 six times or more, and shows the message of a failed
// answer word for word.
func isCodex(x *filters.Exchange) bool {
	return strings.HasPrefix(x.Request.UserAgent, "codex_") || strings.HasPrefix(x.Request.Headers["originator"], "codex_")
}

func wantsStream(x *filters.Exchange) bool {
	if x.LLM != nil {
		return x.LLM.Stream
	}
	return strings.Contains(x.Request.Headers["accept"], "text/event-stream") // the body was not read
}

// shown is the error code of a failed answer that makes Codex show the message alone after one try. With any other it tries six times.
const shown = "invalid_prompt"

// code is the error code with which an answer fails: one for which trying again is of no use, unless it is.
func code(k filters.RefusalKind) string {
	switch k {
	case filters.RefusedOverloaded, filters.RefusedUnrecordable, filters.RefusedUpstream, filters.RefusedInternal:
		return "server_error"
	default:
		return shown
	}
}

// reply is a whole answer of the status that a model's has.
func reply(mediaType string, r filters.Refusal, body []byte) filters.Reply {
	headers := []filters.Header{{Name: "content-type", Value: mediaType}}
	if r.DecisionID != "" {
		headers = append(headers, filters.Header{Name: filters.DecisionHeader, Value: r.DecisionID})
	}
	return filters.Reply{Status: 200, Headers: headers, Body: body}
}

// CutEvent ends a stream as the API ends one that fails, or with an item that says why. An item of the model's that has begun stays without an
// end: clients keep those that have one. The response that is completed names the item that says why alone.
func (r *reading) CutEvent(why filters.Refusal, p *answer.Passed) []byte {
	s := speech{exchange: r.x, decision: why.DecisionID, id: r.id, next: r.passed + r.shift, partly: p.Begun}
	if why.AsMessage {
		return s.streamed(why.Text(), p)
	}
	s.fail(why)
	return s.out
}

// CutBody stands in the place of a held JSON answer, under the status that has already been sent.
func (r *reading) CutBody(why filters.Refusal) []byte { return fault.Of(why.Kind).Body(why) }
