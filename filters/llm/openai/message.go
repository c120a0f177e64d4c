package openai

import (
	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/sse"
)

// spoken is a refusal as a message of the model that was asked for, whole or streamed as the request wants it: clients show it, and the
// session goes on.
func spoken(x *filters.Exchange, r filters.Refusal) filters.Reply {
	completion := func(object, choice, more string) []byte {
		return []byte(`{"id":` + answer.Quote("chatcmpl-"+r.DecisionID) + `,"object":"` + object + `","created":0,"model":` + answer.Quote(x.LLM.Model) +
			`,"choices":[{"index":0,` + choice + `}]` + more + `}`)
	}
	text := answer.Quote(r.Text())
	if !x.LLM.Stream {
		return answer.Reply(200, r, completion("chat.completion", `"message":{"role":"assistant","content":`+text+`,"refusal":null},"logprobs":null,"finish_reason":"stop"`,
			`,"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}`))
	}
	var body []byte
	for _, choice := range [...]string{
		`"delta":{"role":"assistant","content":` + text + `},"finish_reason":null`,
		`"delta":{},"finish_reason":"stop"`,
	} {
		body = sse.Append(body, "", completion("chat.completion.chunk", choice, ""))
	}
	return answer.Stream(r, sse.Append(body, "", []byte("[DONE]")))
}
