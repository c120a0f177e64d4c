package fake

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// anthropic is the Messages API: https://docs.anthropic.com/en/api/messages and its streaming page.
type anthropic struct{ overSSE }

func (anthropic) serves(path string) bool { return path == "/v1/messages" }
func (anthropic) requestID() string       { return "Request-Id" }

func (anthropic) check(h http.Header) string {
	if h.Get("Anthropic-Version") == "" {
		return "anthropic-version: header is required"
	}
	return ""
}

func (anthropic) decode(_ string, body []byte) (ask, error) {
	var q struct {
		Model     string `json:"model"`
		MaxTokens int64  `json:"max_tokens"`
		Stream    bool   `json:"stream"`
		Messages  []struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
		Tools []struct {
			Name string `json:"name"`
		} `json:"tools"`
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return ask{}, errors.New("the body is not a Messages request")
	}
	if q.Model == "" || q.MaxTokens <= 0 || len(q.Messages) == 0 {
		return ask{}, errors.New("model, max_tokens and messages are required")
	}
	a := ask{model: q.Model, stream: q.Stream, size: len(body)}
	for _, t := range q.Tools {
		a.tools = append(a.tools, t.Name)
	}
	for _, m := range q.Messages {
		if m.Role == "user" {
			a.hear(m.Content)
			a.fromTool = lastIsToolResult(m.Content)
		}
	}
	return a, nil
}

// hear takes the texts of a message in place of those of the one before.
func (a *ask) hear(content json.RawMessage) {
	var all texts
	all.UnmarshalJSON(content) // never fails
	a.text, a.last = strings.Join(all, "\n"), ""
	if len(all) > 0 {
		a.last = all[len(all)-1]
	}
}

func lastIsToolResult(content json.RawMessage) bool {
	var blocks []struct {
		Type string `json:"type"`
	}
	return json.Unmarshal(content, &blocks) == nil && len(blocks) > 0 && blocks[len(blocks)-1].Type == "tool_result"
}

func (d anthropic) whole(a answer) string {
	var content []string
	if a.thinking != "" {
		content = append(content, fmt.Sprintf(`{"type":"thinking","thinking":%s,"signature":"ZmFrZQ=="}`, quote(a.thinking)))
	}
	if len(a.pieces) > 0 {
		content = append(content, fmt.Sprintf(`{"type":"text","text":%s}`, quote(strings.Join(a.pieces, ""))))
	}
	for _, t := range a.tools {
		content = append(content, fmt.Sprintf(`{"type":"tool_use","id":%s,"name":%s,"input":%s}`, quote("toolu_"+t.ID), quote(t.Name), t.Input))
	}
	return d.message(a, strings.Join(content, ","), quote(d.stop(a)), a.usage.Output)
}

// message is the object that is the whole answer, and the shell of it in message_start.
func (d anthropic) message(a answer, content, stop string, output int64) string {
	return fmt.Sprintf(`{"id":%s,"type":"message","role":"assistant","model":%s,"content":[%s],"stop_reason":%s,"stop_sequence":null,"usage":%s}`,
		quote("msg_"+a.id), quote(a.model), content, stop, d.usage(a, output))
}

// usage writes input_tokens without what the cache gave or took, as the vendor counts.
func (anthropic) usage(a answer, output int64) string {
	u := a.usage
	return fmt.Sprintf(`{"input_tokens":%d,"cache_creation_input_tokens":%d,"cache_read_input_tokens":%d,"output_tokens":%d,"service_tier":"standard"}`,
		u.Input-u.CacheRead-u.CacheCreation, u.CacheCreation, u.CacheRead, output)
}

func (anthropic) stop(a answer) string {
	switch {
	case a.stop != "":
		return a.stop
	case len(a.tools) > 0:
		return "tool_use"
	default:
		return "end_turn"
	}
}

func (d anthropic) events(a answer, _ bool) []string {
	var s anthropicStream
	s.add("message_start", `"message":%s`, d.message(a, "", "null", 1))
	if a.thinking != "" {
		s.block(`{"type":"thinking","thinking":"","signature":""}`, "thinking_delta", "thinking", []string{a.thinking})
	}
	if len(a.pieces) > 0 {
		s.block(`{"type":"text","text":""}`, "text_delta", "text", a.pieces)
	}
	for _, t := range a.tools {
		start := fmt.Sprintf(`{"type":"tool_use","id":%s,"name":%s,"input":{}}`, quote("toolu_"+t.ID), quote(t.Name))
		s.block(start, "input_json_delta", "partial_json", append([]string{""}, split(string(t.Input), len(t.Input)/a.fragment+1)...))
	}
	s.add("message_delta", `"delta":{"stop_reason":%s,"stop_sequence":null},"usage":%s`, quote(d.stop(a)), d.usage(a, a.usage.Output))
	s.add("message_stop", "")
	return s.events
}

// anthropicStream collects the events of one streamed answer.
type anthropicStream struct {
	events []string
	index  int
}

func (s *anthropicStream) add(name, format string, args ...any) {
	if format != "" {
		format = "," + format
	}
	s.events = append(s.events, "event: "+name+"\ndata: {\"type\":\""+name+"\""+fmt.Sprintf(format, args...)+"}\n\n")
}

// block adds one content block: its start, a ping after the first start as the vendor does, its deltas, its stop.
func (s *anthropicStream) block(start, deltaType, field string, deltas []string) {
	s.add("content_block_start", `"index":%d,"content_block":%s`, s.index, start)
	if s.index == 0 {
		s.add("ping", "")
	}
	for _, d := range deltas {
		s.add("content_block_delta", `"index":%d,"delta":{"type":%q,%q:%s}`, s.index, deltaType, field, quote(d))
	}
	if deltaType == "thinking_delta" {
		s.add("content_block_delta", `"index":%d,"delta":{"type":"signature_delta","signature":"ZmFrZQ=="}`, s.index)
	}
	s.add("content_block_stop", `"index":%d`, s.index)
	s.index++
}

func (anthropic) fault(status int, typ, message, id string) string {
	if typ == "" {
		typ = anthropicErrorType(status)
	}
	return fmt.Sprintf(`{"type":"error","error":{"type":%s,"message":%s},"request_id":%s}`, quote(typ), quote(message), quote(id))
}

func (anthropic) errorEvent(typ string) string {
	return fmt.Sprintf("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":%s,\"message\":\"the script says so\"}}\n\n", quote(typ))
}

// anthropicErrorType names the error of a status: https://docs.anthropic.com/en/api/errors.
func anthropicErrorType(status int) string {
	names := map[int]string{
		401: "authentication_error", 402: "billing_error", 403: "permission_error", 404: "not_found_error",
		413: "request_too_large", 429: "rate_limit_error", 504: "timeout_error", statusOverloaded: "overloaded_error",
	}
	switch name, ok := names[status]; {
	case ok:
		return name
	case status < 500:
		return "invalid_request_error"
	default:
		return "api_error"
	}
}

func (anthropic) side(method, path string, body []byte) (string, bool) {
	switch method + " " + path {
	case "POST /v1/messages/count_tokens":
		return fmt.Sprintf(`{"input_tokens":%d}`, len(body)/4+1), true
	case "GET /v1/models":
		return `{"data":[{"type":"model","id":"fake-model","display_name":"Fake","created_at":"2026-01-01T00:00:00Z"}],"has_more":false,"first_id":"fake-model","last_id":"fake-model"}`, true
	}
	return "", false
}
