package anthropic

import (
	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/sse"
)

// spoken is a refusal as a message of the model that was asked for, whole or streamed as the request wants it: clients show it, and the
// session goes on.
func spoken(x *filters.Exchange, r filters.Refusal) filters.Reply {
	message := func(content, stop string) string {
		return `{"id":` + answer.Quote("msg_"+r.DecisionID) + `,"type":"message","role":"assistant","model":` + answer.Quote(x.LLM.Model) +
			`,"content":[` + content + `],"stop_reason":` + stop + `,"stop_sequence":null,"usage":{"input_tokens":0,"output_tokens":0}}`
	}
	text := answer.Quote(r.Text())
	if !x.LLM.Stream {
		return answer.Reply(200, r, []byte(message(`{"type":"text","text":`+text+`}`, `"end_turn"`)))
	}
	var body []byte
	for _, event := range [...]struct{ name, more string }{
		{"message_start", `,"message":` + message("", "null")},
		{"content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`},
		{"content_block_delta", `,"index":0,"delta":{"type":"text_delta","text":` + text + `}`},
		{"content_block_stop", `,"index":0`},
		{"message_delta", `,"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":0}`},
		{"message_stop", ""},
	} {
		body = sse.Append(body, event.name, []byte(`{"type":"`+event.name+`"`+event.more+`}`))
	}
	return answer.Stream(r, body)
}
