package bedrock

import (
	"net/http"
	"strconv"

	"bartizan/filters"
	"bartizan/filters/eventstream"
	"bartizan/filters/llm/anthropic"
	"bartizan/filters/llm/internal/answer"
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
		return asAnswer(r, eventstream.MediaType, event(speech(r, &answer.Passed{}), "metadata", "{"+nothingUsed)), true
	case Invoke:
		return asAnswer(r, "application/json", asMessages(x, r)), true
	case InvokeStream:
		return asAnswer(r, eventstream.MediaType, chunks(nil, asMessages(x, r))), true
	}
	return filters.Reply{}, false
}

// speech are the events of a message that says r, behind what has passed of the model's own. How much that cost is not known: only the end
// of the model's would tell.
func speech(r filters.Refusal, p *answer.Passed) (out []byte) {
	if !p.Begun {
		out = event(out, "messageStart", `{"role":"assistant"}`)
	}
	for _, index := range p.Open(0) {
		out = event(out, "contentBlockStop", `{"contentBlockIndex":`+strconv.FormatInt(index, 10)+`}`)
	}
	return event(told(out, p.Next, r.Text()), "messageStop", `{"stopReason":"end_turn"}`)
}

// told is content of its own that says text.
func told(dst []byte, index int64, text string) []byte {
	at := `{"contentBlockIndex":` + strconv.FormatInt(index, 10)
	dst = event(dst, "contentBlockDelta", at+`,"delta":{"text":`+answer.Quote(text)+`}}`)
	return event(dst, "contentBlockStop", at+`}`)
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
