package openai

import (
	"cmp"
	"strconv"
	"strings"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/sse"
)

// spoken is a refusal as a message of the model that was asked for, whole or streamed as the request wants it: clients show it, and the
// session goes on.
func spoken(x *filters.Exchange, r filters.Refusal) filters.Reply {
	if x.LLM.Stream {
		return answer.Stream(r, speech(x, spokenID(r), r, &answer.Passed{}))
	}
	return answer.Reply(200, r, asCompletion(x, spokenID(r), "chat.completion",
		`{"index":0,"message":{"role":"assistant","content":`+answer.Quote(r.Text())+`,"refusal":null},"logprobs":null,"finish_reason":"stop"}`,
		`,"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}`))
}

func spokenID(r filters.Refusal) string { return "chatcmpl-" + r.DecisionID }

func asCompletion(x *filters.Exchange, id, object, choices, more string) []byte {
	return []byte(`{"id":` + answer.Quote(id) + `,"object":"` + object + `","created":0,"model":` + answer.Quote(x.LLM.Model) +
		`,"choices":[` + choices + `]` + more + `}`)
}

// speech are the chunks of a completion that says r in each choice, behind what these have said themselves.
func speech(x *filters.Exchange, id string, r filters.Refusal, p *answer.Passed) (out []byte) {
	choices := p.Groups()
	role, text := "", "\n\n"+r.Text()
	if len(choices) == 0 {
		choices, role, text = []int64{0}, `"role":"assistant",`, r.Text()
	}
	for _, choice := range [...]string{
		`"delta":{` + role + `"content":` + answer.Quote(text) + `},"finish_reason":null`,
		`"delta":{},"finish_reason":"stop"`,
	} {
		var all []string
		for _, index := range choices {
			all = append(all, `{"index":`+strconv.FormatInt(index, 10)+`,`+choice+`}`)
		}
		out = sse.Append(out, "", asCompletion(x, cmp.Or(id, spokenID(r)), "chat.completion.chunk", strings.Join(all, ","), ""))
	}
	return sse.Append(out, "", []byte("[DONE]"))
}
