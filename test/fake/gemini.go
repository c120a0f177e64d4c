package fake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// gemini is Google's Gemini API: https://ai.google.dev/api/generate-content. A request for JSON, such as that of a client that lets a
// model choose the model, is answered with a JSON object whatever the script says.
type gemini struct {
	overSSE
	files *geminiFiles
}

const (
	generate       = ":generateContent"
	generateStream = ":streamGenerateContent"
)

func (gemini) serves(path string) bool {
	return strings.Contains(path, "/models/") && (strings.HasSuffix(path, generate) || strings.HasSuffix(path, generateStream))
}

func (gemini) requestID() string        { return "X-Fake-Request-Id" }
func (gemini) check(http.Header) string { return "" }

func (gemini) decode(path string, body []byte) (ask, error) {
	var q struct {
		Contents []struct {
			Role  string `json:"role"`
			Parts []struct {
				Text             string `json:"text"`
				FunctionResponse *struct {
					Response json.RawMessage `json:"response"`
				} `json:"functionResponse"`
			} `json:"parts"`
		} `json:"contents"`
		Tools []struct {
			FunctionDeclarations []struct {
				Name string `json:"name"`
			} `json:"functionDeclarations"`
		} `json:"tools"`
		GenerationConfig struct {
			ResponseMIMEType string `json:"responseMimeType"`
		} `json:"generationConfig"`
	}
	if err := json.Unmarshal(snake.ReplaceAllFunc(body, camel), &q); err != nil || len(q.Contents) == 0 {
		return ask{}, errors.New("the body is not a generateContent request")
	}
	_, model, _ := strings.Cut(path, "/models/")
	model, method, _ := strings.Cut(model, ":")
	a := ask{model: model, stream: ":"+method == generateStream, size: len(body)}
	for _, t := range q.Tools {
		for _, f := range t.FunctionDeclarations {
			a.tools = append(a.tools, f.Name)
		}
	}
	for _, c := range q.Contents {
		if c.Role == "model" {
			continue
		}
		for _, p := range c.Parts {
			a.fromTool = p.FunctionResponse != nil
			if a.fromTool {
				a.hear(json.RawMessage(quote(string(p.FunctionResponse.Response))))
			} else {
				a.hear(json.RawMessage(quote(p.Text)))
			}
		}
	}
	if q.GenerationConfig.ResponseMIMEType == "application/json" {
		a.text, a.json = "", true
	}
	return a, nil
}

// snake is a name in the API's other spelling, where it is the name of a member.
var snake = regexp.MustCompile(`"[a-z]+(_[a-z]+)+"\s*:`)

func camel(name []byte) []byte {
	words := bytes.Split(name, []byte{'_'})
	for _, w := range words[1:] {
		w[0] -= 'a' - 'A'
	}
	return bytes.Join(words, nil)
}

func (d gemini) whole(a answer) string {
	return d.chunk(a, append(d.texts(a), d.calls(a)...), true)
}

func (gemini) texts(a answer) []string {
	var parts []string
	for _, p := range a.pieces {
		parts = append(parts, `{"text":`+quote(p)+`}`)
	}
	return parts
}

func (gemini) calls(a answer) []string {
	var parts []string
	for _, t := range a.tools {
		parts = append(parts, fmt.Sprintf(`{"functionCall":{"id":%s,"name":%s,"args":%s}}`, quote(t.ID), quote(t.Name), t.Input))
	}
	return parts
}

// chunk is one GenerateContentResponse; the last one has the finish reason, and each the counts so far.
func (gemini) chunk(a answer, parts []string, last bool) string {
	finish := ""
	if last {
		stop := a.stop
		if stop == "" {
			stop = "STOP"
		}
		finish = `,"finishReason":` + quote(stop)
	}
	u := a.usage
	return fmt.Sprintf(`{"candidates":[{"content":{"role":"model","parts":[%s]},"index":0%s}],"usageMetadata":{"promptTokenCount":%d,"candidatesTokenCount":%d,"thoughtsTokenCount":%d,"cachedContentTokenCount":%d,"totalTokenCount":%d},"modelVersion":%s,"responseId":%s}`,
		strings.Join(parts, ","), finish, u.Input, u.Output, u.Reasoning, u.CacheRead, u.Input+u.Output, quote(a.model), quote(a.id))
}

func (d gemini) events(a answer, _ bool) []string {
	parts := append(d.texts(a), d.calls(a)...)
	var events []string
	for i, p := range parts {
		events = append(events, "data: "+d.chunk(a, []string{p}, i == len(parts)-1)+"\r\n\r\n")
	}
	return events
}

// listed makes one list of the chunks, as they come without alt=sse.
func listed(events []string) []string {
	for i, e := range events {
		before := ",\r\n"
		if i == 0 {
			before = "["
		}
		events[i] = before + strings.TrimSuffix(strings.TrimPrefix(e, "data: "), "\r\n\r\n")
	}
	return append(events, "]")
}

func (gemini) fault(status int, typ, message, _ string) string {
	if typ == "" {
		typ = map[int]string{400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}[status]
	}
	return fmt.Sprintf(`{"error":{"code":%d,"message":%s,"status":%s}}`, status, quote(message), quote(typ))
}

func (d gemini) errorEvent(typ string) string {
	return "data: " + d.fault(http.StatusServiceUnavailable, typ, "the script says so", "") + "\r\n\r\n"
}

func (d gemini) store(w http.ResponseWriter, r *http.Request, body []byte) bool {
	return d.files.serve(w, r, body)
}

// side counts tokens, and lists one model.
func (gemini) side(method, path string, body []byte) (string, bool) {
	switch {
	case method == http.MethodPost && strings.HasSuffix(path, ":countTokens"):
		return fmt.Sprintf(`{"totalTokens":%d}`, len(body)/4), true
	case method == http.MethodGet && strings.HasSuffix(path, "/models"):
		return `{"models":[{"name":"models/gemini-3.8-flash"}]}`, true
	}
	return "", false
}
