package bedrock

import (
	"net/http"

	"bartizan/filters"
	"bartizan/filters/eventstream"
	"bartizan/filters/llm/anthropic"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/sse"
)

// nothingUsed is the end of an answer that no model gave.
const nothingUsed = `"metrics":{"latencyMs":0},"usage":{"inputTokens":0,"outputTokens":0,"totalTokens":0}}`

// message renders r as an answer of the model's, whole or as the stream that was asked for; false where the operation has none.
func message(x *filters.Exchange, r filters.Refusal) (filters.Reply, bool) {
	text := answer.Quote(r.Text())
	switch x.Route.Operation {
	case Converse:
		return asAnswer(r, "application/json", []byte(`{"output":{"message":{"role":"assistant","content":[{"text":`+text+`}]}},"stopReason":"end_turn",`+nothingUsed)), true
	case ConverseStream:
		b := event(nil, "messageStart", `{"role":"assistant"}`)
		b = event(b, "contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":`+text+`}}`)
		b = event(b, "contentBlockStop", `{"contentBlockIndex":0}`)
		b = event(b, "messageStop", `{"stopReason":"end_turn"}`)
		return asAnswer(r, eventstream.MediaType, event(b, "metadata", "{"+nothingUsed)), true
	case Invoke:
		return asAnswer(r, "application/json", asMessages(x, r)), true
	case InvokeStream:
		var b []byte
		var events sse.Reader
		for e := range events.Feed(asMessages(x, r)) {
			b = append(b, chunk(e.Data)...)
		}
		return asAnswer(r, eventstream.MediaType, b), true
	}
	return filters.Reply{}, false
}

// asMessages renders r as an answer of the Messages API.
func asMessages(x *filters.Exchange, r filters.Refusal) []byte {
	within := &filters.Exchange{LLM: x.LLM}
	within.Route.Operation = "messages"
	return anthropic.Codec{}.Refuse(within, r).Body
}

func event(dst []byte, name, payload string) []byte {
	return eventstream.Append(dst, eventstream.Event, name, []byte(payload))
}

func asAnswer(r filters.Refusal, mediaType string, body []byte) filters.Reply {
	return filters.Reply{Status: http.StatusOK, Body: body, Headers: []filters.Header{
		{Name: "content-type", Value: mediaType}, {Name: filters.DecisionHeader, Value: r.DecisionID},
	}}
}
