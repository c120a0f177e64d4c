package fake

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// responses is OpenAI's Responses API: https://platform.openai.com/docs/api-reference/responses. A tool of a namespace is named
// "namespace/name" in a script.
type responses struct{ openAI }

func (responses) serves(path string) bool { return path == "/v1/responses" }

func (responses) decode(_ string, body []byte) (ask, error) {
	var q struct {
		Model  string          `json:"model"`
		Stream bool            `json:"stream"`
		Input  json.RawMessage `json:"input"`
		Tools  []struct {
			Name string `json:"name"`
		} `json:"tools"`
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return ask{}, errors.New("the body is not a Responses request")
	}
	if q.Model == "" || len(q.Input) == 0 {
		return ask{}, errors.New("model and input are required")
	}
	a := ask{model: q.Model, stream: q.Stream, size: len(body)}
	for _, t := range q.Tools {
		a.tools = append(a.tools, t.Name)
	}
	var items []struct {
		Type    string          `json:"type"`
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
		Output  json.RawMessage `json:"output"`
	}
	if json.Unmarshal(q.Input, &items) != nil { // a text
		a.hear(q.Input)
		return a, nil
	}
	for _, item := range items {
		switch {
		case item.Type == "function_call_output":
			a.hear(item.Output)
			a.fromTool = true
		case item.Role == "user":
			a.hear(item.Content)
			a.fromTool = false
		}
	}
	return a, nil
}

// items are the output of an answer: reasoning, a message, then the calls.
func (responses) items(a answer) []string {
	var out []string
	if a.thinking != "" {
		out = append(out, reasoning(a, summary(a.thinking)))
	}
	if text := strings.Join(a.pieces, ""); text != "" {
		out = append(out, fmt.Sprintf(`{"type":"message","id":%s,"status":"completed","role":"assistant","content":[{"type":"output_text","text":%s,"annotations":[],"logprobs":[]}]}`,
			quote("msg_"+a.id), quote(text)))
	}
	for _, t := range a.tools {
		out = append(out, call(t, string(t.Input), "completed"))
	}
	return out
}

func reasoning(a answer, summary string) string {
	return fmt.Sprintf(`{"type":"reasoning","id":%s,"summary":[%s],"encrypted_content":"gAAAAABfake"}`, quote("rs_"+a.id), summary)
}

func summary(text string) string { return `{"type":"summary_text","text":` + quote(text) + `}` }

func call(t ToolUse, arguments, status string) string {
	namespace, name, has := strings.Cut(t.Name, "/")
	if !has {
		return fmt.Sprintf(`{"type":"function_call","id":%s,"call_id":%s,"name":%s,"arguments":%s,"status":%s}`,
			quote("fc_"+t.ID), quote("call_"+t.ID), quote(t.Name), quote(arguments), quote(status))
	}
	return fmt.Sprintf(`{"type":"function_call","id":%s,"call_id":%s,"namespace":%s,"name":%s,"arguments":%s,"status":%s}`,
		quote("fc_"+t.ID), quote("call_"+t.ID), quote(namespace), quote(name), quote(arguments), quote(status))
}

func (responses) response(a answer, status string, output []string, usage string) string {
	return fmt.Sprintf(`{"id":%s,"object":"response","created_at":%d,"status":%s,"model":%s,"output":[%s],"parallel_tool_calls":true,"store":false,"error":null,"incomplete_details":null,"usage":%s}`,
		quote("resp_"+a.id), made, quote(status), quote(a.model), strings.Join(output, ","), usage)
}

func (responses) usage(a answer) string {
	u := a.usage
	return fmt.Sprintf(`{"input_tokens":%d,"input_tokens_details":{"cached_tokens":%d,"cache_write_tokens":%d},"output_tokens":%d,"output_tokens_details":{"reasoning_tokens":%d},"total_tokens":%d}`,
		u.Input, u.CacheRead, u.CacheCreation, u.Output, u.Reasoning, u.Input+u.Output)
}

func (d responses) whole(a answer) string { return d.response(a, "completed", d.items(a), d.usage(a)) }

func (d responses) events(a answer, _ bool) []string {
	var s responsesStream
	s.add("response.created", `"response":`+d.response(a, "in_progress", nil, "null"))
	s.add("response.in_progress", `"response":`+d.response(a, "in_progress", nil, "null"))
	items := d.items(a)
	calls := len(items) - len(a.tools)
	for i, item := range items {
		at := fmt.Sprintf(`"output_index":%d`, i)
		switch {
		case i >= calls:
			s.call(a, a.tools[i-calls], at)
		case i == 0 && a.thinking != "":
			s.reasoning(a, at)
		default:
			s.message(a, at)
		}
		s.add("response.output_item.done", at+`,"item":`+item)
	}
	s.add("response.completed", `"response":`+d.response(a, "completed", items, d.usage(a)))
	return s.events
}

// responsesStream collects the events of one streamed answer.
type responsesStream struct{ events []string }

func (s *responsesStream) add(kind, fields string) {
	s.events = append(s.events, fmt.Sprintf("event: %s\ndata: {\"type\":%s,\"sequence_number\":%d,%s}\n\n", kind, quote(kind), len(s.events), fields))
}

func (s *responsesStream) reasoning(a answer, at string) {
	part := fmt.Sprintf(`"item_id":%s,%s,"summary_index":0`, quote("rs_"+a.id), at)
	s.add("response.output_item.added", at+`,"item":`+reasoning(a, ""))
	s.add("response.reasoning_summary_part.added", part+`,"part":`+summary(""))
	for _, p := range split(a.thinking, 3) {
		s.add("response.reasoning_summary_text.delta", part+`,"delta":`+quote(p)+`,"obfuscation":"x7"`)
	}
	s.add("response.reasoning_summary_text.done", part+`,"text":`+quote(a.thinking))
	s.add("response.reasoning_summary_part.done", part+`,"part":`+summary(a.thinking))
}

func (s *responsesStream) message(a answer, at string) {
	part := fmt.Sprintf(`"item_id":%s,%s,"content_index":0`, quote("msg_"+a.id), at)
	s.add("response.output_item.added", fmt.Sprintf(`%s,"item":{"type":"message","id":%s,"status":"in_progress","role":"assistant","content":[]}`, at, quote("msg_"+a.id)))
	s.add("response.content_part.added", part+`,"part":{"type":"output_text","text":"","annotations":[],"logprobs":[]}`)
	for _, p := range a.pieces {
		s.add("response.output_text.delta", part+`,"delta":`+quote(p)+`,"logprobs":[],"obfuscation":"x7"`)
	}
	text := quote(strings.Join(a.pieces, ""))
	s.add("response.output_text.done", part+`,"text":`+text+`,"logprobs":[]`)
	s.add("response.content_part.done", part+`,"part":{"type":"output_text","text":`+text+`,"annotations":[],"logprobs":[]}`)
}

func (s *responsesStream) call(a answer, t ToolUse, at string) {
	s.add("response.output_item.added", at+`,"item":`+call(t, "", "in_progress"))
	part := fmt.Sprintf(`"item_id":%s,%s`, quote("fc_"+t.ID), at)
	for _, f := range split(string(t.Input), len(t.Input)/a.fragment+1) {
		s.add("response.function_call_arguments.delta", part+`,"delta":`+quote(f)+`,"obfuscation":"x7"`)
	}
	s.add("response.function_call_arguments.done", part+`,"arguments":`+quote(string(t.Input)))
}

func (responses) errorEvent(typ string) string {
	return fmt.Sprintf("event: error\ndata: {\"type\":\"error\",\"code\":%s,\"message\":\"the script says so\",\"param\":null}\n\n", quote(typ))
}

func (responses) check(http.Header) string { return "" }
