package upstream

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// listed is how many tools the MCP server has.
const listed = 1000

// tools are the two answers of the MCP server: to tools/list, and to everything else, which is taken for a tools/call. Both answer
// the id 7.
type tools struct{ list, call []byte }

func newTools() tools {
	var t tools
	t.list = []byte(`{"jsonrpc":"2.0","id":7,"result":{"tools":[`)
	for i := range listed {
		if i > 0 {
			t.list = append(t.list, ',')
		}
		kind := [...]string{"even", "odd"}[i%2]
		t.list = fmt.Appendf(t.list, `{"name":"read_%04d_%s","title":"Read part %d","description":%q,"inputSchema":{"type":"object","properties":{"path":{"type":"string","description":"The file, as an absolute path"},`+
			`"limit":{"type":"integer","maximum":2000}},"required":["path"]},"annotations":{"readOnlyHint":true}}`, i, kind, i, strings.Repeat(line, 3))
	}
	t.list = append(t.list, `]}}`...)
	t.call = fmt.Appendf(nil, `{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":%q}],"isError":false}}`, strings.Repeat(line, 15))
	return t
}

func (t tools) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // the client left
	}
	answer := t.call
	if bytes.Contains(body, []byte(`"tools/list"`)) {
		answer = t.list
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	w.Write(answer)
}
