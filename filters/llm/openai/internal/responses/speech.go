package responses

import (
	"cmp"
	"fmt"
	"strconv"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/sse"
)

// speech writes answers, and events of them, in the gateway's own words.
type speech struct {
	exchange *filters.Exchange
	decision string
	id       string // of the response; empty: one that is named after the decision
	next     int64  // sequence number
	partly   bool   // it ends what a model has begun, whose cost is not known
	out      []byte
}

// event appends an event with the fields, which are members of an object.
func (s *speech) event(kind, fields string) {
	data := `{"type":"` + kind + `","sequence_number":` + strconv.FormatInt(s.next, 10) + "," + fields + "}"
	s.out = sse.Append(s.out, kind, []byte(data))
	s.next++
}

// fail ends a stream.
func (s *speech) fail(why filters.Refusal) {
	fault := `{"code":` + answer.Quote(code(why.Kind)) + `,"message":` + answer.Quote(why.Text()) + `}`
	s.event("response.failed", `"response":`+s.response("failed", "", fault))
}

// response is the object response, with its output, which may be empty, and its error, if any.
func (s *speech) response(status, output, failure string) string {
	model, usage := "", "null"
	if s.exchange.LLM != nil {
		model = s.exchange.LLM.Model
	}
	if status == "completed" && !s.partly {
		usage = `{"input_tokens":0,"input_tokens_details":{"cached_tokens":0},"output_tokens":0,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":0}`
	}
	return fmt.Sprintf(`{"id":%s,"object":"response","created_at":%d,"status":%q,"error":%s,"incomplete_details":null,"instructions":null,`+
		`"metadata":{},"model":%s,"output":[%s],"parallel_tool_calls":true,"temperature":null,"tool_choice":"auto","tools":[],"top_p":null,"usage":%s}`,
		answer.Quote(cmp.Or(s.id, "resp_"+s.decision)), max(0, s.exchange.Request.Time.Unix()), status, cmp.Or(failure, "null"),
		answer.Quote(model), output, usage)
}

// message is an item of the output that says text.
func message(id, status, content string) string {
	return `{"type":"message","id":` + answer.Quote(id) + `,"status":"` + status + `","role":"assistant","content":[` + content + `]}`
}

func outputText(text string) string {
	return `{"type":"output_text","text":` + answer.Quote(text) + `,"annotations":[],"logprobs":[]}`
}

// whole is an answer that says text.
func (s *speech) whole(text string) string {
	return s.response("completed", message("msg_"+s.decision, "completed", outputText(text)), "")
}

// streamed are the events of whole, behind what has passed of a response of the model's.
func (s *speech) streamed(text string, p *answer.Passed) []byte {
	if !p.Begun {
		s.event("response.created", `"response":`+s.response("in_progress", "", ""))
		s.event("response.in_progress", `"response":`+s.response("in_progress", "", ""))
	}
	s.say(p.Next, "msg_"+s.decision, text)
	s.event("response.completed", `"response":`+s.whole(text))
	return s.out
}

// say are the events of one item of the output, at index, that says text.
func (s *speech) say(index int64, id, text string) {
	at := `"output_index":` + strconv.FormatInt(index, 10)
	part := `"item_id":` + answer.Quote(id) + `,` + at + `,"content_index":0`
	s.event("response.output_item.added", at+`,"item":`+message(id, "in_progress", ""))
	s.event("response.content_part.added", part+`,"part":`+outputText(""))
	s.event("response.output_text.delta", part+`,"delta":`+answer.Quote(text)+`,"logprobs":[]`)
	s.event("response.output_text.done", part+`,"text":`+answer.Quote(text)+`,"logprobs":[]`)
	s.event("response.content_part.done", part+`,"part":`+outputText(text))
	s.event("response.output_item.done", at+`,"item":`+message(id, "completed", outputText(text)))
}
