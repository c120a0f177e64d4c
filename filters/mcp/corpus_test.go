package mcp

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bartizan/filters"
	"bartizan/test/corpus"

	"github.com/google/go-cmp/cmp"
)

const testDecision = "01900000-0000-7000-8000-000000000001"

// requests is the published corpus; its README says what stands in it.
const requests = "../../test/corpus/mcp"

// testRegistry knows one tool that reads and one that writes.
var testRegistry registryOf

type registryOf struct{ open }

func (registryOf) Tool(server, tool string) (filters.ToolAnnotations, bool) {
	switch server + "/" + tool {
	case "warehouse/query_sales":
		return filters.ToolAnnotations{ReadOnly: true}, true
	case "warehouse/update_sales":
		return filters.ToolAnnotations{Destructive: true}, true
	}
	return filters.ToolAnnotations{}, false
}

func testExchange() *filters.Exchange {
	return &filters.Exchange{
		ID:      testDecision,
		Route:   filters.Route{Name: "mcp/warehouse", Surface: filters.SurfaceMCP, Target: "warehouse"},
		Request: filters.Request{Method: "POST", Headers: map[string]string{}},
	}
}

// split cuts a file of testdata into its head lines and its body.
func split(t *testing.T, path string) corpus.File {
	t.Helper()
	f, err := corpus.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// eachFile runs f on every file of a folder and compares what it returns with the golden beside it. A golden without a file fails.
func eachFile(t *testing.T, dir string, f func(t *testing.T, path string) string) {
	t.Helper()
	inputs, err := filepath.Glob(filepath.Join(dir, "*.http"))
	if err != nil || len(inputs) == 0 {
		t.Fatalf("glob: %v, %d files", err, len(inputs))
	}
	goldens, err := filepath.Glob(filepath.Join(dir, "*.golden"))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range goldens {
		if !slices.Contains(inputs, strings.TrimSuffix(g, ".golden")+".http") {
			t.Errorf("%s has no input", g)
		}
	}
	for _, path := range inputs {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".http"), func(t *testing.T) {
			golden(t, strings.TrimSuffix(path, ".http")+".golden", f(t, path))
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// readRequestFile reads a request line, headers and a body.
func readRequestFile(t *testing.T, path string) (*filters.Exchange, []byte) {
	t.Helper()
	file, x := split(t, path), testExchange()
	x.Request.Method, _, x.Request.Headers = file.Request()
	return x, file.Body
}

func showReply(b *strings.Builder, r filters.Reply) {
	fmt.Fprintf(b, "HTTP %d\n", r.Status)
	for _, h := range r.Headers {
		fmt.Fprintf(b, "%s: %s\n", h.Name, h.Value)
	}
	fmt.Fprintf(b, "\n%s\n", r.Body)
}

func showMCP(b *strings.Builder, x *filters.Exchange) {
	m := x.MCP
	fields := []struct{ name, value string }{
		{"server", m.Server},
		{"method", m.Method},
		{"era", m.Era},
		{"version", m.ProtocolVersion},
		{"id", string(m.ID)},
		{"session", m.Session},
		{"tool", m.Tool.Name},
		{"target", m.Target},
		{"arguments", string(m.Arguments)},
		{"tool_use_id", m.ToolUseID},
		{"client", m.Client},
		{"client_version", m.ClientVersion},
		{"claimed.session", x.Claimed.Session},
		{"claimed.client", x.Claimed.Client},
	}
	for _, f := range fields {
		if f.value != "" {
			fmt.Fprintf(b, "%s: %s\n", f.name, f.value)
		}
	}
	if m.Tool.Name != "" {
		fmt.Fprintf(b, "registered: %t %+v\n", m.Tool.Registered, m.Tool.Annotations)
	}
	showBlocks(b, x)
}

func showBlocks(b *strings.Builder, x *filters.Exchange) {
	for _, k := range x.Blocks {
		name := strconv.Quote(k.Name)
		fmt.Fprintf(b, "block %s %s %s %s %s: %s\n", k.Role, k.Origin, k.MediaType, k.Pointer, name, strconv.Quote(string(k.Data.Bytes())))
	}
}

func showTreated(b *strings.Builder, got outcome) {
	r := got.Response
	fmt.Fprintf(b, "items: %d of %d, withheld: %d, last message: %s %s\n", r.Shown, r.Offered, r.Withheld, r.Message.Kind, r.Message.Method)
	for _, n := range got.Notes {
		fmt.Fprintf(b, "note: %s %s %s %s\n", n.Kind, n.Name, n.Policy, n.Quarantined)
	}
}
