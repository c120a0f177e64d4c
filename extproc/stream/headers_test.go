package stream

import (
	"maps"
	"slices"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/google/go-cmp/cmp"

	"bartizan/filters"
)

// TestNoCredentialReachesARule: what may carry a secret is no header to rules, and a forged header of ours is none either.
func TestNoCredentialReachesARule(t *testing.T) {
	m := &corev3.HeaderMap{}
	for _, name := range []string{
		"x-api-key", "authorization", "x-goog-api-key", "api-key", "cookie", "set-cookie", "proxy-authorization", "x-amz-security-token", "x-auth-token",
		"x-litellm-api-key", "x-bartizan-caller-key", "x-bartizan-upstream-authorization",
		"anthropic-beta", "x-claude-code-session-id", "mcp-param-token", "x-team",
	} {
		m.Headers = append(m.Headers, &corev3.HeaderValue{Key: name, RawValue: []byte("v")})
	}
	h := readHeaders(m)
	want := []string{"anthropic-beta", "mcp-param-token", "x-claude-code-session-id", "x-team"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(h.rest))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"x-bartizan-caller-key"}, h.forged); diff != "" {
		t.Error(diff)
	}
}

// TestOverridden: a request to a model that says that it is another one than it is, is refused.
func TestOverridden(t *testing.T) {
	for _, c := range []struct {
		header, query string
		refused       bool
	}{
		{"x-http-method-override", "", true},
		{"x-method", "", false},
		{"", "pageSize=5&$alt=json", false},
		{"", "pageSize=5&$httpHeaders=x-http-method-override%3ADELETE", true},
		{"", "%24HttpMethod=DELETE", true},
		{"", "_method=DELETE", true},
	} {
		m := &Machine{}
		m.x.Route.Surface, m.x.Request.Query = filters.SurfaceLLM, c.query
		if refused := m.overridden(headers{rest: map[string]string{c.header: "DELETE"}}) != nil; refused != c.refused {
			t.Errorf("%+v", c)
		}
		m.x.Route.Surface = filters.SurfaceMCP
		if m.overridden(headers{rest: map[string]string{c.header: "DELETE"}}) != nil {
			t.Errorf("%+v, to an MCP server", c)
		}
	}
}
