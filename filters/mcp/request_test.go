package mcp

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"bartizan/filters"
)

// TestRequests decodes each request of the corpus and shows what came of it: the exchange, or the answer that its caller gets.
func TestRequests(t *testing.T) {
	codec := New(testRegistry)
	eachFile(t, requests, func(t *testing.T, path string) string {
		x, body := readRequestFile(t, path)
		var b strings.Builder
		err := codec.DecodeRequest(x, body)
		if err == nil {
			fmt.Fprintln(&b, "admitted")
			showMCP(&b, x)
			return b.String()
		}
		var be *filters.BodyError
		if !errors.As(err, &be) {
			t.Fatalf("error is no BodyError: %v", err)
		}
		if be.Kind == filters.RefusedMalformed && x.MCP != nil && (x.MCP.Tool.Name != "" || x.MCP.Arguments != nil) || x.Blocks != nil {
			t.Error("a refused request left content behind")
		}
		fmt.Fprintf(&b, "refused: %s\n", be.Kind)
		showReply(&b, codec.Refuse(x, filters.AsRefusal(err, x.ID)))
		return b.String()
	})
}

// TestNameOfFiles holds the corpus to its word: what is called bad is never admitted.
func TestNameOfFiles(t *testing.T) {
	codec := New(nil)
	corpus := func(prefix string) []string { return glob(t, requests+"/"+prefix+"*.http") }
	for _, prefix := range []string{"bad_", "header_", "meta_", "version_", "unknown_", "origin_", "put"} {
		paths := corpus(prefix)
		if len(paths) == 0 {
			t.Errorf("no case %s", prefix)
		}
		for _, path := range paths {
			x, body := readRequestFile(t, path)
			if codec.DecodeRequest(x, body) == nil {
				t.Errorf("%s was admitted", path)
			}
		}
	}
}

func TestNilRegistryNamesNoTool(t *testing.T) {
	x := testExchange()
	if err := New(nil).DecodeRequest(x, []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}`)); err != nil {
		t.Fatal(err)
	}
	if want := (filters.MCPTool{Name: "t", Annotations: filters.DefaultToolAnnotations()}); x.MCP.Tool != want {
		t.Errorf("tool %+v, want %+v", x.MCP.Tool, want)
	}
}

// TestClaimsAreBounded: what a client says of itself is left out when it is too long, and never makes it fail.
func TestClaimsAreBounded(t *testing.T) {
	long := strings.Repeat("x", maxClaim+1)
	x := testExchange()
	x.Request.Headers[headerSession] = long
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"claudecode/toolUseId":"` + long + `"}}}`
	if err := New(nil).DecodeRequest(x, []byte(body)); err != nil {
		t.Fatal(err)
	}
	if x.MCP.Session != "" || x.MCP.ToolUseID != "" {
		t.Error("an endless claim was recorded")
	}
}

func TestLeastFold(t *testing.T) {
	for _, pair := range []string{"kK", "k\u212a", "sS", "s\u017f", "aA", "äÄ", "σς", "åÅ"} {
		r := []rune(pair)
		if leastFold(r[0]) != leastFold(r[1]) {
			t.Errorf("%q are not folded together", pair)
		}
	}
	if leastFold('a') == leastFold('b') || leastFold('_') == leastFold('-') {
		t.Error("different letters are folded together")
	}
}

func FuzzDecodeRequest(f *testing.F) {
	for _, path := range glob(f, requests+"/*.http") {
		if strings.Contains(path, "bomb") || strings.Contains(path, "endless") {
			continue
		}
		raw := readFile(f, path)
		_, body, _ := strings.Cut(raw, "\n\n")
		f.Add([]byte(body), strings.Contains(path, "modern"))
	}
	codec := New(testRegistry)
	f.Fuzz(func(t *testing.T, body []byte, modern bool) {
		x := testExchange()
		if modern {
			x.Request.Headers = map[string]string{headerVersion: versionModern, headerMethod: methodCall, headerName: "query_sales"}
		}
		err := codec.DecodeRequest(x, body)
		if err != nil {
			var be *filters.BodyError
			if !errors.As(err, &be) || be.Code == "" {
				t.Fatalf("%v", err)
			}
			checkReply(t, codec.Refuse(x, filters.AsRefusal(err, "d")))
			return
		}
		checkAdmitted(t, x, body)
	})
}

func BenchmarkDecodeCall1KB(b *testing.B) {
	body := []byte(`{"jsonrpc":"2.0","id":42,"method":"tools/call","params":{"name":"query_sales","arguments":{"region":"north","query":"` +
		strings.Repeat("select ", 120) + `"},"_meta":{"claudecode/toolUseId":"toolu_01","progressToken":42}}}`)
	codec := New(testRegistry)
	x := testExchange()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		x.MCP, x.Blocks = nil, nil
		if err := codec.DecodeRequest(x, body); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAllocations holds a budget: a call is decoded on every turn of every agent. Seen: 39.
func TestAllocations(t *testing.T) {
	body := []byte(`{"jsonrpc":"2.0","id":42,"method":"tools/call","params":{"name":"query_sales","arguments":{"region":"north"}}}`)
	codec, x := New(testRegistry), testExchange()
	got := testing.AllocsPerRun(100, func() {
		x.MCP, x.Blocks = nil, nil
		if err := codec.DecodeRequest(x, body); err != nil {
			t.Fatal(err)
		}
	})
	if got > 50 {
		t.Errorf("%v allocations, the budget is 50", got)
	}
}
