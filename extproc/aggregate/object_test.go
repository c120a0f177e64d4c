package aggregate

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
)

// TestNames: what is joined is split again, whatever the server's own names hold; and a URI stays one.
func TestNames(t *testing.T) {
	for _, own := range []string{"a", "a__b", "__a", "a_", "x://1+2", "héllo"} {
		for _, server := range []string{"s", "my-server", "2nd", "mcp-x"} {
			if gotServer, gotOwn, ok := split(join(server, own)); !ok || gotServer != server || gotOwn != own {
				t.Errorf("%s and %s become %s and %s", server, own, gotServer, gotOwn)
			}
			uri := joinURI(server, own)
			if gotServer, gotOwn, ok := splitURI(uri); !ok || gotServer != server || gotOwn != own {
				t.Errorf("%s and %s become %s and %s", server, own, gotServer, gotOwn)
			}
			if uri[0] < 'a' || uri[0] > 'z' {
				t.Errorf("%s has no scheme", uri)
			}
		}
	}
}

// FuzzMessage: whatever comes is read or refused; what is read keeps the bytes of its values, also under other names.
func FuzzMessage(f *testing.F) {
	for _, s := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"s__t","arguments":{"n":9007199254740993},"_meta":{"a":1e400}}}`,
		`{"jsonrpc":"2.0","id":"a","result":{"content":[{"type":"resource_link","uri":"x://1"},{"resource":{"uri":"x://2"}}],"task":{"taskId":"7"}}}`,
		`{"id":null,"error":{"code":-32601,"message":"no"}}`, `{"method":"completion/complete","params":{"ref":{"uri":"s+x://1"}}}`, `[]`, `{`, `{"a":[1,{}],"a":2}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := readMessage(data)
		if err != nil {
			return
		}
		again, err := readMessage(m.encode())
		if err != nil {
			t.Fatalf("%s is written as %s: %v", data, m.encode(), err)
		}
		if !bytes.Equal(again.params.get("arguments"), m.params.get("arguments")) || again.method != m.method {
			t.Fatalf("%s is written as %s", data, again.encode())
		}
		arguments := slices.Clone(m.params.get("arguments"))
		if _, err := address(m, []string{"s"}); err == nil && !bytes.Equal(arguments, m.params.get("arguments")) {
			t.Fatalf("arguments %s became %s", arguments, m.params.get("arguments"))
		}
		if m.result != nil && !json.Valid(adopt("s", m.result)) {
			t.Fatalf("%s became %s", m.result, adopt("s", m.result))
		}
		merge(lists["tools/list"], []page{{server: "s", result: m.params}})
	})
}
