package fake

import (
	"fmt"
	"strings"
)

// vllm is OpenAI's API as vLLM serves it, wherever its paths begin: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html. It says
// more than OpenAI does: reasoning, why it stopped, what a prompt was made of.
type vllm struct{ openAI }

func (vllm) serves(path string) bool { return strings.HasSuffix(path, "/v1/chat/completions") }

func (d vllm) whole(a answer) string {
	calls := make([]string, len(a.tools))
	for i, t := range a.tools {
		calls[i] = fmt.Sprintf(`{"id":%s,"type":"function","function":{"name":%s,"arguments":%s}}`, quote("chatcmpl-tool-"+t.ID), quote(t.Name), quote(string(t.Input)))
	}
	return fmt.Sprintf(`{"id":%s,"object":"chat.completion","created":%d,"model":%s,"choices":[{"index":0,"message":{"role":"assistant","content":%s,"refusal":null,`+
		`"annotations":null,"audio":null,"function_call":null,"tool_calls":[%s],"reasoning_content":%s},"logprobs":null,"finish_reason":%s,"stop_reason":null,`+
		`"token_ids":null}],"service_tier":null,"system_fingerprint":null,"usage":%s,"prompt_logprobs":null,"prompt_token_ids":null,"kv_transfer_params":null}`,
		quote("chatcmpl-"+a.id), made, quote(a.model), quote(strings.Join(a.pieces, "")), strings.Join(calls, ","), orNull(a.thinking), quote(d.stop(a)), d.usage(a))
}

// usage is without details, which vLLM does not count.
func (vllm) usage(a answer) string {
	return fmt.Sprintf(`{"prompt_tokens":%d,"total_tokens":%d,"completion_tokens":%d,"prompt_tokens_details":null}`, a.usage.Input, a.usage.Input+a.usage.Output, a.usage.Output)
}

func (d vllm) events(a answer, includeUsage bool) []string {
	var events []string
	chunk := func(choices, more string) {
		events = append(events, fmt.Sprintf("data: {\"id\":%s,\"object\":\"chat.completion.chunk\",\"created\":%d,\"model\":%s,\"choices\":[%s]%s}\n\n",
			quote("chatcmpl-"+a.id), made, quote(a.model), choices, more))
	}
	delta := func(delta string) {
		chunk(`{"index":0,"delta":{`+delta+`},"logprobs":null,"finish_reason":null,"token_ids":null}`, "")
	}
	chunk(`{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}`, `,"prompt_token_ids":null`)
	for _, p := range split(a.thinking, 3) {
		delta(`"reasoning_content":` + quote(p))
	}
	for _, p := range a.pieces {
		delta(`"content":` + quote(p))
	}
	for i, t := range a.tools {
		delta(fmt.Sprintf(`"tool_calls":[{"id":%s,"type":"function","index":%d,"function":{"name":%s}}]`, quote("chatcmpl-tool-"+t.ID), i, quote(t.Name)))
		for _, f := range split(string(t.Input), len(t.Input)/a.fragment+1) {
			delta(fmt.Sprintf(`"tool_calls":[{"index":%d,"function":{"arguments":%s}}]`, i, quote(f)))
		}
	}
	chunk(`{"index":0,"delta":{"content":""},"logprobs":null,"finish_reason":`+quote(d.stop(a))+`,"stop_reason":null,"token_ids":null}`, "")
	if includeUsage {
		chunk("", `,"usage":`+d.usage(a))
	}
	return append(events, "data: [DONE]\n\n")
}

// ollama is OpenAI's API as Ollama serves it: https://docs.ollama.com/api/openai-compatibility. Each delta names the role, and a call comes whole.
type ollama struct{ openAI }

func (d ollama) whole(a answer) string {
	return fmt.Sprintf(`{"id":%s,"object":"chat.completion","created":%d,"model":%s,"system_fingerprint":"fp_ollama","choices":[{"index":0,"message":{%s},"finish_reason":%s}],"usage":%s}`,
		quote("chatcmpl-"+a.id), made, quote(a.model), d.message(strings.Join(a.pieces, ""), a.thinking, a.tools), quote(d.stop(a)), vllm{}.usage(a))
}

func (ollama) message(text, thinking string, tools []ToolUse) string {
	message := `"role":"assistant","content":` + quote(text)
	if thinking != "" {
		message += `,"reasoning":` + quote(thinking)
	}
	calls := make([]string, len(tools))
	for i, t := range tools {
		calls[i] = fmt.Sprintf(`{"id":%s,"index":%d,"type":"function","function":{"name":%s,"arguments":%s}}`, quote("call_"+t.ID), i, quote(t.Name), quote(string(t.Input)))
	}
	if len(calls) > 0 {
		message += `,"tool_calls":[` + strings.Join(calls, ",") + `]`
	}
	return message
}

func (d ollama) events(a answer, includeUsage bool) []string {
	var events []string
	chunk := func(choices, more string) {
		events = append(events, fmt.Sprintf("data: {\"id\":%s,\"object\":\"chat.completion.chunk\",\"created\":%d,\"model\":%s,\"system_fingerprint\":\"fp_ollama\",\"choices\":[%s]%s}\n\n",
			quote("chatcmpl-"+a.id), made, quote(a.model), choices, more))
	}
	delta := func(message string) {
		chunk(`{"index":0,"delta":{`+message+`},"finish_reason":null}`, "")
	}
	for _, p := range split(a.thinking, 3) {
		delta(d.message("", p, nil))
	}
	for _, p := range a.pieces {
		delta(d.message(p, "", nil))
	}
	if len(a.tools) > 0 {
		delta(d.message("", "", a.tools))
	}
	chunk(`{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":`+quote(d.stop(a))+`}`, "")
	if includeUsage {
		chunk("", `,"usage":`+vllm{}.usage(a))
	}
	return append(events, "data: [DONE]\n\n")
}

func orNull(text string) string {
	if text == "" {
		return "null"
	}
	return quote(text)
}
