package anthropic

import (
	"strconv"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/sse"
)

// spoken is a refusal as a message of the model that was asked for, whole or streamed as the request wants it: clients show it, and the
// session goes on.
func spoken(x *filters.Exchange, r filters.Refusal) filters.Reply {
	if x.LLM.Stream {
		return answer.Stream(r, speech(x, r, &answer.Passed{}))
	}
	return answer.Reply(200, r, []byte(message(x, r, `{"type":"text","text":`+answer.Quote(r.Text())+`}`, `"end_turn"`)))
}

func message(x *filters.Exchange, r filters.Refusal, content, stop string) string {
	return `{"id":` + answer.Quote("msg_"+r.DecisionID) + `,"type":"message","role":"assistant","model":` + answer.Quote(x.LLM.Model) +
		`,"content":[` + content + `],"stop_reason":` + stop + `,"stop_sequence":null,"usage":{"input_tokens":0,"output_tokens":0}}`
}

// speech are the events of a message that says r, behind what has passed of the model's own.
func speech(x *filters.Exchange, r filters.Refusal, p *answer.Passed) (out []byte) {
	add := func(name, more string) {
		out = sse.Append(out, name, []byte(`{"type":"`+name+`"`+more+`}`))
	}
	if !p.Begun {
		add("message_start", `,"message":`+message(x, r, "", "null"))
	}
	for _, index := range p.Open(0) {
		add("content_block_stop", `,"index":`+strconv.FormatInt(index, 10))
	}
	out = told(out, p.Next, r.Text())
	add("message_delta", `,"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":`+strconv.FormatInt(x.Response.Usage.Output, 10)+`}`)
	add("message_stop", "")
	return out
}

// told is a content block of its own that says text.
func told(dst []byte, index int64, text string) []byte {
	at := `,"index":` + strconv.FormatInt(index, 10)
	add := func(name, more string) {
		dst = sse.Append(dst, name, []byte(`{"type":"`+name+`"`+at+more+`}`))
	}
	add("content_block_start", `,"content_block":{"type":"text","text":""}`)
	add("content_block_delta", `,"delta":{"type":"text_delta","text":`+answer.Quote(text)+`}`)
	add("content_block_stop", "")
	return dst
}
