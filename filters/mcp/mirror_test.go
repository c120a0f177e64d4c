package mcp

import (
	"fmt"
	"regexp"
	"testing"

	"bartizan/filters"
	"bartizan/filters/redact"

	"github.com/google/go-cmp/cmp"
)

const mirroring = `{"name":"query","inputSchema":{"type":"object","properties":{
	"region":{"type":"string","x-mcp-header":"Region"},
	"where":{"type":"object","properties":{"year":{"type":"integer","x-mcp-header":"Year"},"x":{"x-mcp-header":5}}},
	"dry":{"type":"boolean","x-mcp-header":"Dry-Run"},
	"x-mcp-header":{"type":"string"}}}}`

func TestMirrors(t *testing.T) {
	want := []filters.Mirror{
		{Header: "mcp-param-region", Path: []string{"region"}},
		{Header: "mcp-param-year", Path: []string{"where", "year"}},
		{Header: "mcp-param-dry-run", Path: []string{"dry"}},
	}
	if diff := cmp.Diff(want, Mirrors([]byte(mirroring))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, raw := range []string{`{"name":"query"}`, `{"inputSchema":true}`, `[]`, `{`, `{"inputSchema":{"properties":{"a":{"x-mcp-header":"A"}}}`} {
		if got := Mirrors([]byte(raw)); got != nil {
			t.Errorf("%s: %v", raw, got)
		}
	}
}

// mirrored is a registry that has seen the tool.
type mirrored struct{ open }

func (mirrored) Gate(*filters.Exchange) Gate { return mirroredGate{} }

type mirroredGate struct{ openGate }

func (mirroredGate) Call(Item) Admission {
	return Admission{Visible: true, Allowed: true, Mirrors: Mirrors([]byte(mirroring))}
}

func mirroredCall(arguments string, headers map[string]string) (*filters.Exchange, []byte) {
	x := &filters.Exchange{Route: filters.Route{Surface: filters.SurfaceMCP, Target: "s"}, Request: filters.Request{Method: "POST", Headers: map[string]string{
		headerVersion: versionModern, headerMethod: methodCall, headerName: "query",
	}}}
	for name, value := range headers {
		x.Request.Headers["mcp-param-"+name] = value
	}
	return x, fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query","arguments":%s,`+
		`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`, arguments)
}

// TestMirrored: a header that repeats an argument says what the argument says, or the request is refused.
func TestMirrored(t *testing.T) {
	for _, c := range []struct {
		name, arguments string
		headers         map[string]string
		refused         string // the header
	}{
		{"all", `{"region":"EU","where":{"year":2026},"dry":true}`, map[string]string{"region": "EU", "year": "2026", "dry-run": "true"}, ""},
		{"none", `{"other":1}`, nil, ""},
		{"not ASCII", `{"region":"Österreich"}`, map[string]string{"region": "=?base64?w5ZzdGVycmVpY2g=?="}, ""},
		{"a header that nobody asked for", `{"region":"EU"}`, map[string]string{"region": "EU", "more": "x"}, ""},
		{"another value", `{"region":"EU"}`, map[string]string{"region": "US"}, "region"},
		{"another case", `{"region":"EU"}`, map[string]string{"region": "eu"}, "region"},
		{"a missing header", `{"region":"EU"}`, nil, "region"},
		{"a header without an argument", `{}`, map[string]string{"region": "EU"}, "region"},
		{"a header for null", `{"region":null}`, map[string]string{"region": ""}, "region"},
		{"deeper", `{"where":{"year":2026}}`, map[string]string{"year": "2025"}, "year"},
		{"an encoding that is none", `{"region":"EU"}`, map[string]string{"region": "=?base64?RVU?="}, "region"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, body := mirroredCall(c.arguments, c.headers)
			err := New(mirrored{}).DecodeRequest(x, body)
			got := ""
			if err != nil {
				got = err.Error()
			}
			want := ""
			if c.refused != "" {
				want = mismatch("mcp-param-" + c.refused).Error()
			}
			if got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// TestMirroredAgain: what is masked in the arguments is masked in the header that repeats it.
func TestMirroredAgain(t *testing.T) {
	x, body := mirroredCall(`{"region":"key-123 Ö","where":{"year":2026}}`, map[string]string{"region": "=?base64?a2V5LTEyMyDDlg==?=", "year": "2026"})
	codec := New(mirrored{})
	if err := codec.DecodeRequest(x, body); err != nil {
		t.Fatal(err)
	}
	mask := filters.Treatment{Action: filters.ActionRedact, Masks: []*regexp.Regexp{regexp.MustCompile(`key-\d+|Ö`)}}
	if err := codec.Treat(x, body, []filters.Treatment{mask}); err != nil {
		t.Fatal(err)
	}
	if got, _ := lookUp(redact.Apply(body, x.Edits), []string{"params", "arguments", "region"}); got != "[redacted] [redacted]" {
		t.Errorf("the argument is %q", got)
	}
	want := []filters.Header{{Name: "mcp-param-region", Value: "[redacted] [redacted]"}}
	if diff := cmp.Diff(want, x.SetHeaders); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}
