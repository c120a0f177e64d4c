package gemini

import (
	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/sse"
)

// message renders a refusal as an answer of the model, in the form that the request asked for.
func message(x *filters.Exchange, r filters.Refusal) filters.Reply {
	body := spoken(r.Text(), "STOP", x.LLM.Model)
	switch {
	case asList(x):
		body = listOf(body)
	case x.LLM.Stream:
		return answer.Stream(r, sse.Append(nil, "", body))
	}
	return answer.Reply(200, r, body)
}

func listOf(body []byte) []byte { return append(append([]byte("["), body...), ']') }

// spoken is a whole GenerateContentResponse of one text, that ends for the reason given. Where a stream has said something before, it
// is its last chunk.
func spoken(text, finish, model string) []byte {
	b := []byte(`{"candidates":[{"content":{"role":"model","parts":[{"text":` + answer.Quote(text) + `}]},"finishReason":"` + finish + `","index":0}]`)
	if model != "" {
		b = append(b, `,"modelVersion":`+answer.Quote(model)...)
	}
	return append(b, '}')
}

// CutBody stands in the place of a held JSON answer, under the status that has already been sent.
func (r *reading) CutBody(why filters.Refusal) []byte {
	if r.x.Response.Status < 400 && generates(r.x.Route.Operation) {
		return r.cut(why)
	}
	status, canonical := refusal(why.Kind)
	return errorBody(status, canonical, why)
}

func (r *reading) cut(why filters.Refusal) []byte {
	finish := "OTHER"
	switch {
	case why.AsMessage:
		finish = "STOP"
	case why.Kind == filters.RefusedByPolicy:
		finish = "SAFETY"
	}
	return spoken(why.Text(), finish, r.x.Response.Model)
}
