package envoyconf_test

import (
	"regexp"
	"strings"
	"testing"

	"bartizan/xds/envoyconf"
)

func TestRoutes(t *testing.T) {
	upstream := &envoyconf.Upstream{Cluster: "llm/a", Host: "api.example.com", Port: 443, TLS: true}
	host := envoyconf.Routes([]envoyconf.Route{
		{Name: "llm/a/messages", Path: "/a/v1/messages", Methods: []string{"POST"}, Upstream: upstream, Rewrite: "/v1/messages"},
	}, 40<<20).VirtualHosts[0]

	if got, limit := host.RequestBodyBufferLimit.GetValue(), uint64(40<<20); got <= limit {
		t.Errorf("Envoy's body limit %d leaves no room above the gateway's %d: extproc could not refuse in the caller's protocol", got, limit)
	}
	if last := host.Routes[len(host.Routes)-1]; last.Name != envoyconf.RouteNone || last.GetDirectResponse() == nil {
		t.Errorf("the last route is %q: an unknown path could reach an upstream", last.Name)
	}
	action := host.Routes[0].GetRoute()
	if action.Timeout == nil || action.Timeout.AsDuration() != 0 {
		t.Error("Envoy's default timeout of 15 s would cut streams")
	}
	if action.IdleTimeout.AsDuration() <= 0 {
		t.Error("nothing ends a dead stream")
	}
	if action.RetryPolicy != nil || host.RetryPolicy != nil {
		t.Error("a tool call could run twice")
	}
}

func TestPathWithVariables(t *testing.T) {
	upstream := &envoyconf.Upstream{Cluster: "llm/g", Host: "api.example.com", Port: 443, TLS: true}
	host := envoyconf.Routes([]envoyconf.Route{
		{Name: "any", Path: "/g/{v1|v1beta}/models/{model}:generateContent", Methods: []string{"POST"}, Upstream: upstream, Mount: "/g", Rewrite: "/base"},
		{Name: "slashes", Path: "/b/model/{+model}/converse", Methods: []string{"POST"}, Upstream: upstream, Mount: "/b", Rewrite: "/base"},
		{Name: "one", Path: "/g/v1/models/x:generateContent", Methods: []string{"POST"}, Upstream: upstream, Rewrite: "/base/v1/models/x:generateContent"},
	}, 1).VirtualHosts[0]
	if host.Routes[0].Name != "one" {
		t.Error("a path that is named must go before one that is matched")
	}
	any := host.Routes[1]
	var patterns []string
	for _, r := range host.Routes[1:3] {
		patterns = append(patterns, r.GetMatch().GetSafeRegex().GetRegex())
	}
	match := regexp.MustCompile("^(?:" + strings.Join(patterns, "|") + ")$") // Envoy matches whole paths
	for path, want := range map[string]bool{
		"/g/v1/models/a%3Ab%20%2c:generateContent": true, "/g/v1/models/a%2Fb:generateContent": false, "/g/v1/models/a%2fb:generateContent": false,
		"/g/v1/models/..%5C..:generateContent": false, "/g/v1/models/..%5c..:generateContent": false, "/g/v1/models/%:generateContent": false,
		"/b/model/arn%3Aaws%3Abedrock%3A%3A1%3Aprofile%2Fx/converse": true, "/b/model/a/b/converse": false, "/b/model//converse": false,
		"/g/v1beta/models/gemini-3:generateContent": true, "/g/v1/models/a:b:generateContent": true, "/g/v2/models/m:generateContent": false,
		"/g/v1/models/m/n:generateContent": false, "/g/v1/models/m:generateContentX": false, "/g/v1/models/:generateContent": false,
	} {
		if match.MatchString(path) != want {
			t.Errorf("%s: %t", path, !want)
		}
	}
	rewrite := any.GetRoute().GetRegexRewrite()
	if got := regexp.MustCompile(rewrite.GetPattern().GetRegex()).ReplaceAllString("/g/v1/models/m:generateContent", rewrite.GetSubstitution()); got != "/base/v1/models/m:generateContent" {
		t.Error(got)
	}
}

func TestHostOfUpstream(t *testing.T) {
	for _, test := range []struct {
		host string
		port uint32
		tls  bool
		want string
	}{
		{"api.example.com", 443, true, "api.example.com"},
		{"api.example.com", 8443, true, "api.example.com:8443"},
		{"api.example.com", 443, false, "api.example.com:443"},
		{"api.example.com", 80, false, "api.example.com"},
		{"127.0.0.1", 80, false, "127.0.0.1"},
		{"::1", 80, false, "[::1]"},
		{"::1", 8080, false, "[::1]:8080"},
	} {
		u := &envoyconf.Upstream{Cluster: "c", Host: test.host, Port: test.port, TLS: test.tls}
		host := envoyconf.Routes([]envoyconf.Route{{Name: "r", Path: "/", Methods: []string{"POST"}, Upstream: u}}, 1).VirtualHosts[0]
		if got := host.Routes[0].GetRoute().GetHostRewriteLiteral(); got != test.want {
			t.Errorf("%s port %d: host %q, want %q", test.host, test.port, got, test.want)
		}
	}
}
