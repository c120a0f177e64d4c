package fake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"bartizan/filters/sse"
)

// bedrock is the runtime API of Amazon Bedrock: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html.
// What it streams is encoded by AWS's own library, with the padding ("p") that AWS adds.
type bedrock struct{}

func (bedrock) store(http.ResponseWriter, *http.Request, []byte) bool { return false }

func (bedrock) requestID() string        { return "X-Amzn-Requestid" }
func (bedrock) check(http.Header) string { return "" }
func (bedrock) mediaType() string        { return "application/vnd.amazon.eventstream" }

func (d bedrock) serves(path string) bool {
	_, operation := d.split(path)
	switch operation {
	case "converse", "converse-stream", "invoke", "invoke-with-response-stream":
		return true
	}
	return false
}

// split finds the model, which may be an ARN with slashes, and the operation in a path.
func (bedrock) split(path string) (model, operation string) {
	rest, found := strings.CutPrefix(path, "/model/")
	at := strings.LastIndexByte(rest, '/')
	if !found || at <= 0 {
		return "", ""
	}
	if unescaped, err := url.PathUnescape(rest[:at]); err == nil {
		return unescaped, rest[at+1:]
	}
	return rest[:at], rest[at+1:]
}

func (d bedrock) decode(path string, body []byte) (ask, error) {
	model, operation := d.split(path)
	if strings.HasPrefix(operation, "invoke") {
		return d.decodeInvoke(model, operation, body)
	}
	var q struct {
		Messages []struct {
			Role    string            `json:"role"`
			Content []json.RawMessage `json:"content"`
		} `json:"messages"`
		ToolConfig struct {
			Tools []struct {
				ToolSpec struct {
					Name string `json:"name"`
				} `json:"toolSpec"`
			} `json:"tools"`
		} `json:"toolConfig"`
	}
	if err := json.Unmarshal(body, &q); err != nil || len(q.Messages) == 0 {
		return ask{}, errors.New("the body is not a Converse request")
	}
	a := ask{model: model, stream: operation == "converse-stream", size: len(body)}
	for _, t := range q.ToolConfig.Tools {
		if t.ToolSpec.Name != "" {
			a.tools = append(a.tools, t.ToolSpec.Name)
		}
	}
	for _, m := range q.Messages {
		if m.Role == "user" {
			d.hear(&a, m.Content)
		}
	}
	return a, nil
}

// hear takes the texts of a message, those of tool results included, in place of those of the one before.
func (bedrock) hear(a *ask, content []json.RawMessage) {
	var all texts
	a.fromTool = false
	for _, c := range content {
		var part struct {
			ToolResult json.RawMessage `json:"toolResult"`
		}
		json.Unmarshal(c, &part) // of another shape: no tool result
		if a.fromTool = part.ToolResult != nil; a.fromTool {
			c = part.ToolResult
		}
		var more texts
		more.UnmarshalJSON([]byte("[" + string(c) + "]")) // never fails
		all = append(all, more...)
	}
	a.text, a.last = strings.Join(all, "\n"), ""
	if len(all) > 0 {
		a.last = all[len(all)-1]
	}
}

// decodeInvoke reads a body of the Messages API, which names no model.
func (bedrock) decodeInvoke(model, operation string, body []byte) (ask, error) {
	var q map[string]json.RawMessage
	if err := json.Unmarshal(body, &q); err != nil || q["anthropic_version"] == nil || q["model"] != nil || q["stream"] != nil {
		return ask{}, errors.New("want anthropic_version, and neither model nor stream")
	}
	q["model"] = json.RawMessage(quote(model))
	body, err := json.Marshal(q)
	if err != nil {
		return ask{}, err
	}
	a, err := anthropic{}.decode("", body)
	a.stream, a.body = operation != "invoke", anthropic{}
	return a, err
}

func (d bedrock) whole(a answer) string {
	if a.body != nil {
		return a.body.whole(a)
	}
	var content []string
	if a.thinking != "" {
		content = append(content, fmt.Sprintf(`{"reasoningContent":{"reasoningText":{"text":%s,"signature":"ZmFrZQ=="}}}`, quote(a.thinking)))
	}
	if len(a.pieces) > 0 {
		content = append(content, fmt.Sprintf(`{"text":%s}`, quote(strings.Join(a.pieces, ""))))
	}
	for _, t := range a.tools {
		content = append(content, fmt.Sprintf(`{"toolUse":{"toolUseId":%s,"name":%s,"input":%s}}`, quote("tooluse_"+t.ID), quote(t.Name), t.Input))
	}
	return fmt.Sprintf(`{"metrics":{"latencyMs":7},"output":{"message":{"role":"assistant","content":[%s]}},"stopReason":%s,"usage":%s}`,
		strings.Join(content, ","), quote(anthropic{}.stop(a)), d.usage(a))
}

// usage writes inputTokens without what the cache gave or took, as AWS counts.
func (bedrock) usage(a answer) string {
	u := a.usage
	return fmt.Sprintf(`{"inputTokens":%d,"outputTokens":%d,"totalTokens":%d,"cacheReadInputTokens":%d,"cacheWriteInputTokens":%d}`,
		u.Input-u.CacheRead-u.CacheCreation, u.Output, u.Input+u.Output, u.CacheRead, u.CacheCreation)
}

func (d bedrock) events(a answer, _ bool) []string {
	if a.body != nil {
		return d.chunks(a.body.events(a, false))
	}
	s := bedrockStream{}
	s.add("messageStart", `"role":"assistant"`)
	if a.thinking != "" {
		s.block("", `"reasoningContent":{"text":%s}`, []string{a.thinking}, `"reasoningContent":{"signature":"ZmFrZQ=="}`)
	}
	if len(a.pieces) > 0 {
		s.block("", `"text":%s`, a.pieces)
	}
	for _, t := range a.tools {
		start := fmt.Sprintf(`"toolUse":{"toolUseId":%s,"name":%s}`, quote("tooluse_"+t.ID), quote(t.Name))
		s.block(start, `"toolUse":{"input":%s}`, split(string(t.Input), len(t.Input)/a.fragment+1))
	}
	s.add("messageStop", `"stopReason":%s`, quote(anthropic{}.stop(a)))
	s.add("metadata", `"metrics":{"latencyMs":7},"usage":%s`, d.usage(a))
	return s.events
}

// bedrockStream collects the events of one streamed answer.
type bedrockStream struct {
	events []string
	index  int
}

func (s *bedrockStream) add(name, format string, args ...any) {
	s.events = append(s.events, frame("event", name, fmt.Sprintf("{"+format+`,"p":"abcdefghijk"}`, args...)))
}

// block adds one content block. Only a tool's has a start.
func (s *bedrockStream) block(start, delta string, pieces []string, more ...string) {
	if start != "" {
		s.add("contentBlockStart", `"contentBlockIndex":%d,"start":{%s}`, s.index, start)
	}
	for _, p := range pieces {
		s.add("contentBlockDelta", `"contentBlockIndex":%d,"delta":{%s}`, s.index, fmt.Sprintf(delta, quote(p)))
	}
	for _, m := range more {
		s.add("contentBlockDelta", `"contentBlockIndex":%d,"delta":{%s}`, s.index, m)
	}
	s.add("contentBlockStop", `"contentBlockIndex":%d`, s.index)
	s.index++
}

// chunks wraps the data of events in text, one each. AWS passes no pings on.
func (bedrock) chunks(events []string) (chunks []string) {
	var r sse.Reader
	for e := range r.Feed([]byte(strings.Join(events, ""))) {
		if !bytes.Contains(e.Data, []byte(`"type":"ping"`)) {
			payload, _ := json.Marshal(map[string]any{"bytes": e.Data, "p": "abcdefghijk"}) // cannot fail
			chunks = append(chunks, frame("event", "chunk", string(payload)))
		}
	}
	return chunks
}

// frame encodes one message.
func frame(kind, name, payload string) string {
	var b bytes.Buffer
	m := eventstream.Message{Payload: []byte(payload)}
	m.Headers.Set(":"+kind+"-type", eventstream.StringValue(name))
	m.Headers.Set(":content-type", eventstream.StringValue("application/json"))
	m.Headers.Set(":message-type", eventstream.StringValue(kind))
	eventstream.NewEncoder().Encode(&b, m) // cannot fail: short headers, into memory
	return b.String()
}

func (bedrock) fault(_ int, _, message, _ string) string {
	return fmt.Sprintf(`{"message":%s}`, quote(message))
}

// errorType names the error of a status: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, Errors.
func (bedrock) errorType(status int, typ string) (header, value string) {
	names := map[int]string{
		401: "UnrecognizedClientException", 403: "AccessDeniedException", 404: "ResourceNotFoundException", 408: "ModelTimeoutException",
		424: "ModelErrorException", 429: "ThrottlingException", 503: "ServiceUnavailableException",
	}
	switch name, ok := names[status]; {
	case strings.HasSuffix(typ, "Exception"):
		value = typ
	case ok:
		value = name
	case status < 500:
		value = "ValidationException"
	default:
		value = "InternalServerException"
	}
	return "X-Amzn-Errortype", value
}

func (bedrock) errorEvent(typ string) string {
	if !strings.HasSuffix(typ, "Exception") {
		typ = "serviceUnavailableException"
	}
	return frame("exception", typ, `{"message":"the script says so"}`)
}

func (bedrock) oddEvents() (malformed, unknown string) {
	return frame("event", "contentBlockDelta", `{"contentBlockIndex":0,"delta":{"te`), frame("event", "moonPhase", `{"phase":"waxing"}`)
}

func (d bedrock) side(method, path string, body []byte) (string, bool) {
	if _, operation := d.split(path); method == http.MethodPost && operation == "count-tokens" {
		return fmt.Sprintf(`{"inputTokens":%d}`, len(body)/4+1), true
	}
	return "", false
}
