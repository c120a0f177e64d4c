package fake

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// openAI is the Chat Completions API: https://platform.openai.com/docs/api-reference/chat.
type openAI struct{ overSSE }

func (openAI) serves(path string) bool  { return path == "/v1/chat/completions" }
func (openAI) requestID() string        { return "X-Request-Id" }
func (openAI) check(http.Header) string { return "" }

func (openAI) decode(_ string, body []byte) (ask, error) {
	var q struct {
		Model         string `json:"model"`
		Stream        bool   `json:"stream"`
		StreamOptions struct {
			IncludeUsage bool `json:"include_usage"`
		} `json:"stream_options"`
		Messages []struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
		Tools []struct {
			Function struct {
				Name string `json:"name"`
			} `json:"function"`
		} `json:"tools"`
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return ask{}, errors.New("the body is not a Chat Completions request")
	}
	if q.Model == "" || len(q.Messages) == 0 {
		return ask{}, errors.New("model and messages are required")
	}
	a := ask{model: q.Model, stream: q.Stream, includeUsage: q.StreamOptions.IncludeUsage, size: len(body)}
	for _, t := range q.Tools {
		a.tools = append(a.tools, t.Function.Name)
	}
	for _, m := range q.Messages {
		if m.Role == "user" || m.Role == "tool" {
			a.hear(m.Content)
			a.fromTool = m.Role == "tool"
		}
	}
	return a, nil
}

// made is the creation time of every answer, in seconds since 1970: a fake's answers are the same on every day.
const made = 1_790_000_000

func (d openAI) whole(a answer) string {
	var calls []string
	for _, t := range a.tools {
		calls = append(calls, fmt.Sprintf(`{"id":%s,"type":"function","function":{"name":%s,"arguments":%s}}`,
			quote("call_"+t.ID), quote(t.Name), quote(string(t.Input))))
	}
	toolCalls := ""
	if len(calls) > 0 {
		toolCalls = `,"tool_calls":[` + strings.Join(calls, ",") + `]`
	}
	return fmt.Sprintf(`{"id":%s,"object":"chat.completion","created":%d,"model":%s,"choices":[{"index":0,"message":{"role":"assistant","content":%s%s,"refusal":null},"logprobs":null,"finish_reason":%s}],"usage":%s}`,
		quote("chatcmpl-"+a.id), made, quote(a.model), quote(strings.Join(a.pieces, "")), toolCalls, quote(d.stop(a)), d.usage(a))
}

func (openAI) usage(a answer) string {
	u := a.usage
	return fmt.Sprintf(`{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":%d},"completion_tokens_details":{"reasoning_tokens":%d}}`,
		u.Input, u.Output, u.Input+u.Output, u.CacheRead, u.Reasoning)
}

func (openAI) stop(a answer) string {
	switch {
	case a.stop != "":
		return a.stop
	case len(a.tools) > 0:
		return "tool_calls"
	default:
		return "stop"
	}
}

func (d openAI) events(a answer, includeUsage bool) []string {
	s := openAIStream{shell: fmt.Sprintf(`"id":%s,"object":"chat.completion.chunk","created":%d,"model":%s`, quote("chatcmpl-"+a.id), made, quote(a.model))}
	if includeUsage {
		s.noUsage = `,"usage":null` // every chunk but the last carries it so, once usage is asked for
	}
	s.delta(`"role":"assistant","content":""`, "null")
	for _, p := range a.pieces {
		s.delta(`"content":`+quote(p), "null")
	}
	for i, t := range a.tools {
		s.tool(i, fmt.Sprintf(`"id":%s,"type":"function","function":{"name":%s,"arguments":""}`, quote("call_"+t.ID), quote(t.Name)))
		for _, f := range split(string(t.Input), len(t.Input)/a.fragment+1) {
			s.tool(i, fmt.Sprintf(`"function":{"arguments":%s}`, quote(f)))
		}
	}
	s.delta("", quote(d.stop(a)))
	if includeUsage {
		s.events = append(s.events, "data: {"+s.shell+`,"choices":[],"usage":`+d.usage(a)+"}\n\n")
	}
	return append(s.events, "data: [DONE]\n\n")
}

// openAIStream collects the events of one streamed answer.
type openAIStream struct {
	shell, noUsage string
	events         []string
}

func (s *openAIStream) delta(delta, finish string) {
	s.events = append(s.events, fmt.Sprintf("data: {%s,\"choices\":[{\"index\":0,\"delta\":{%s},\"logprobs\":null,\"finish_reason\":%s}]%s}\n\n",
		s.shell, delta, finish, s.noUsage))
}

func (s *openAIStream) tool(index int, fields string) {
	s.delta(fmt.Sprintf(`"tool_calls":[{"index":%d,%s}]`, index, fields), "null")
}

func (openAI) fault(status int, typ, message, _ string) string {
	code := "null"
	switch status {
	case http.StatusUnauthorized:
		code = `"invalid_api_key"`
	case http.StatusTooManyRequests:
		code = `"rate_limit_exceeded"`
	}
	if typ == "" {
		typ = "invalid_request_error"
	}
	if status >= 500 {
		typ = "server_error"
	}
	return fmt.Sprintf(`{"error":{"message":%s,"type":%s,"param":null,"code":%s}}`, quote(message), quote(typ), code)
}

func (openAI) errorEvent(typ string) string {
	return fmt.Sprintf("data: {\"error\":{\"message\":\"the script says so\",\"type\":%s,\"param\":null,\"code\":null}}\n\n", quote(typ))
}

func (openAI) side(method, path string, body []byte) (string, bool) {
	switch method + " " + path {
	case "GET /v1/models":
		return `{"object":"list","data":[{"id":"fake-model","object":"model","created":1790000000,"owned_by":"fake"}]}`, true
	case "POST /v1/embeddings":
		n := len(body)/4 + 1
		return fmt.Sprintf(`{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.25,-0.5]}],"model":"fake-embedding","usage":{"prompt_tokens":%d,"total_tokens":%d}}`, n, n), true
	}
	return "", false
}
