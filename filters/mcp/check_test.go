package mcp

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bartizan/filters"
)

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// checkReply holds for every refusal.
func checkReply(t *testing.T, r filters.Reply) {
	t.Helper()
	var m struct {
		JSONRPC string
		Result  json.RawMessage
		Error   json.RawMessage
	}
	if err := json.Unmarshal(r.Body, &m); err != nil || m.JSONRPC != "2.0" || (m.Result == nil) == (m.Error == nil) {
		t.Errorf("not a JSON-RPC response (%v): %s", err, r.Body)
	}
	if r.Status == 401 || r.Status != 200 && r.Status < 400 {
		t.Errorf("status %d", r.Status)
	}
}

// checkAdmitted compares what was decoded with what the most lenient parser we know reads from the same bytes: encoding/json
// ignores case, takes the last of several values of a name, and mends invalid UTF-8.
func checkAdmitted(t *testing.T, x *filters.Exchange, body []byte) {
	t.Helper()
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params struct {
			Name      string         `json:"name"`
			Arguments map[string]any `json:"arguments"`
		} `json:"params"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		var wrongType *json.UnmarshalTypeError
		if x.MCP.Method != methodCall && errors.As(err, &wrongType) { // such as params.name of a ping, which nobody reads
			return
		}
		t.Fatalf("admitted what encoding/json refuses: %v", err)
	}
	if x.MCP.Method == OperationResponse {
		if m.Method != "" {
			t.Errorf("a response was admitted with method %q", m.Method)
		}
		return
	}
	if m.Method != x.MCP.Method || string(m.ID) != string(x.MCP.ID) {
		t.Errorf("decoded %q %s, others read %q %s", x.MCP.Method, x.MCP.ID, m.Method, m.ID)
	}
	if x.MCP.Method != methodCall {
		return
	}
	if m.Params.Name != x.MCP.Tool.Name {
		t.Errorf("tool %q, others read %q", x.MCP.Tool.Name, m.Params.Name)
	}
	if len(x.MCP.Arguments) > 0 && !strings.HasPrefix(string(x.MCP.Arguments), "{") || (m.Params.Arguments == nil) != (x.MCP.Arguments == nil) {
		t.Errorf("arguments %s, others read %v", x.MCP.Arguments, m.Params.Arguments)
	}
}
