// Package sample holds what the measurements send and by which rules it is judged: the same for the program test/load and for the
// benchmarks of extproc/server.
//
// It promises bodies that are the same on every run and every machine, in the form and with the escapes that an agent's client
// writes, and rules none of which matches them. It is safe for concurrent use.
package sample

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

// Key is the virtual key of the caller, Path where requests to the model go, and ToolsPath those to the MCP server.
const (
	Key       = "bz-load-caller"
	Path      = "/anthropic/v1/messages"
	ToolsPath = "/mcp/warehouse"
)

// Sizes of the requests in bytes, and the number of rules that judge requests to models, and messages to and from tools.
const (
	SmallSize        = 1 << 10
	ConversationSize = 500_000
	Rules            = 20
	ToolRules        = 4
)

//go:embed rules.yaml
var rules string

//go:embed tools.yaml
var toolRules string

// Policies is a policy repository with one provider and one MCP server at upstream, a base URL: path → content. Records are durable and hold digests.
func Policies(upstream string) map[string]string {
	return map[string]string{
		"rules.yaml": rules,
		"tools.yaml": toolRules,
		"gateway.yaml": fmt.Sprintf(`apiVersion: bartizan/v1
kind: Gateway
metadata: { name: load }
spec:
  listeners: [{ name: http, port: 0 }]
  virtualKeys:
    - { name: caller, sha256: %x, user: caller@example.com, groups: [finance, analysts] }
  audit: { mode: durable, payload: digest }
`, sha256.Sum256([]byte(Key))),
		"provider.yaml": fmt.Sprintf(`apiVersion: bartizan/v1
kind: Provider
metadata: { name: anthropic }
spec: { dialect: anthropic, url: %q, operations: [messages] }
`, upstream),
		"server.yaml": fmt.Sprintf(`apiVersion: bartizan/v1
kind: McpServer
metadata: { name: warehouse }
spec: { url: %q }
`, upstream+"/mcp"),
	}
}

type object = map[string]any

// Small is a request of SmallSize bytes: one question, no tools.
func Small(stream bool) []byte {
	body := func(filling int) []byte {
		return encode(struct {
			Model     string   `json:"model"`
			MaxTokens int      `json:"max_tokens"`
			Stream    bool     `json:"stream"`
			System    string   `json:"system"`
			Messages  []object `json:"messages"`
		}{
			"claude-load", 1024, stream, "You answer questions about sales figures, in one paragraph.",
			[]object{{"role": "user", "content": prose(filling)}},
		})
	}
	return body(SmallSize - len(body(0)))
}

// Conversation is a request of about ConversationSize bytes (within 2 %), such as a coding agent sends late in its work: a system
// prompt, 24 tools with their schemas, and turns of text, tool calls and the files that these returned.
func Conversation() []byte {
	tools := make([]object, 24)
	for i := range tools {
		tools[i] = tool(i)
	}
	messages := []object{{"role": "user", "content": "Find out why the quarterly report counts returns twice, and repair it."}}
	body := func() []byte {
		return encode(struct {
			Model     string   `json:"model"`
			MaxTokens int      `json:"max_tokens"`
			Stream    bool     `json:"stream"`
			System    []object `json:"system"`
			Tools     []object `json:"tools"`
			Messages  []object `json:"messages"`
			Metadata  object   `json:"metadata"`
		}{
			"claude-load", 32_000, false,
			[]object{{"type": "text", "text": prose(14_000), "cache_control": object{"type": "ephemeral"}}},
			tools, messages,
			object{"user_id": "user_load_session_1"},
		})
	}
	size := len(body())
	for turn := 0; size < ConversationSize-5_000; turn++ {
		next := turnOf(turn)
		messages = append(messages, next...)
		size += len(encode(next)) - 1
	}
	return body()
}

// ToolCall is a tools/call in the form of 2025-11-25.
func ToolCall() []byte {
	return []byte(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"read_0002_even","arguments":{"path":"/sales/2026/q3.csv","region":"EU","limit":50},"_meta":{"progressToken":7}}}`)
}

// ToolList is a tools/list.
func ToolList() []byte { return []byte(`{"jsonrpc":"2.0","id":7,"method":"tools/list"}`) }

// tool is a tool's definition of about a kilobyte and a half.
func tool(i int) object {
	return object{
		"name": fmt.Sprintf("mcp__warehouse__read_%02d", i), "description": prose(1000),
		"input_schema": object{
			"type": "object", "required": []string{"path"}, "additionalProperties": false,
			"properties": object{
				"path":   object{"type": "string", "description": "The file, as an absolute path.\nA folder is an error."},
				"offset": object{"type": "integer", "minimum": 0, "description": "The line to begin with"},
				"limit":  object{"type": "integer", "maximum": 2000},
			},
		},
	}
}

// turnOf is one turn: the model says something and calls a tool, and the tool returns a part of a file.
func turnOf(i int) []object {
	id := fmt.Sprintf("toolu_%024d", i)
	return []object{
		{"role": "assistant", "content": []object{
			{"type": "text", "text": prose(300 + i*37%400)},
			{"type": "tool_use", "id": id, "name": "mcp__warehouse__read_03", "input": object{"path": fmt.Sprintf("/src/report/part_%d.go", i), "offset": i * 40}},
		}},
		{"role": "user", "content": []object{
			{"type": "tool_result", "tool_use_id": id, "content": []object{{"type": "text", "text": code(1000 + i*613%7000)}}},
		}},
	}
}

// encode writes JSON as JavaScript does: without the HTML escapes of Go's default.
func encode(v any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // strings and numbers always encode
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}

const sentence = "The third quarter closed above plan, though returns in the northern region grew again. "

// prose is n bytes of plain text.
func prose(n int) string { return strings.Repeat(sentence, n/len(sentence)+1)[:n] }

const line = "\tif total := sum(rows[i:j], \"returns\"); total > limit && !seen[key] { // counted once\n\t\treport.Add(key, total)\n\t}\n"

// code is n bytes of a source file: quotes, tabs and line ends, each an escape in JSON.
func code(n int) string { return strings.Repeat(line, n/len(line)+1)[:n] }
