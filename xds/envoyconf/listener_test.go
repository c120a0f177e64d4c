package envoyconf_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	celv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/filters/cel/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"github.com/google/go-cmp/cmp"

	"bartizan/filters"
	"bartizan/xds/envoyconf"
)

// parrot refuses with a body that says what it was asked.
type parrot struct{ body string }

func (p parrot) Refuse(x *filters.Exchange, r filters.Refusal) filters.Reply {
	return filters.Reply{
		Status:  418,
		Headers: []filters.Header{{Name: "content-type", Value: "application/json"}, {Name: "x-kind", Value: string(r.Kind)}, {Name: "x-empty"}},
		Body:    fmt.Appendf(nil, p.body, x.Route.Dialect+": "+r.Text()),
	}
}

func TestFilterOrder(t *testing.T) {
	for _, test := range []struct {
		edge envoyconf.Edge
		want []string
		logs int
	}{
		{envoyconf.Edge{}, []string{envoyconf.FilterExtProc, envoyconf.FilterStamp, "router"}, 1},
		{envoyconf.Edge{Bare: true}, []string{"router"}, 0},
	} {
		m := manager(t, test.edge)
		var got []string
		for _, f := range m.HttpFilters {
			got = append(got, f.Name)
			if f.IsOptional || f.Disabled {
				t.Errorf("filter %s can be left out", f.Name)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("filters (-want +got):\n%s", diff)
		}
		if len(m.AccessLog) != test.logs {
			t.Errorf("%d access logs, want %d", len(m.AccessLog), test.logs)
		}
		if len(m.UpgradeConfigs) > 0 {
			t.Error("an upgraded connection would pass uninspected")
		}
	}
}

func TestLocalRepliesSpeakTheProtocolOfTheirRoute(t *testing.T) {
	voice := envoyconf.Voice{Routes: []string{"llm/a/messages"}, Route: filters.Route{Dialect: "d"}, Codec: parrot{`{"id":null,"says":%q}`}}
	config := manager(t, envoyconf.Edge{Voices: []envoyconf.Voice{voice}}).LocalReplyConfig

	if own := config.Mappers[0]; own.StatusCode != nil || own.Body != nil || own.BodyFormatOverride != nil || own.HeadersToAdd != nil {
		t.Error("what extproc answers would be rewritten")
	}
	var spoken, plain int
	for _, m := range config.Mappers[1:] {
		body := encoded(t, m)
		switch {
		case !strings.Contains(body, "Refused by Bartizan: ") || !strings.Contains(body, "%REQ(X-REQUEST-ID)%"):
			t.Errorf("%s: no reason or no id in %s", expression(t, m), body)
		case strings.Contains(expression(t, m), "xds.route_name in ['llm/a/messages']"):
			spoken++
			if !strings.Contains(body, `"says":"d: `) || !strings.Contains(body, `"id":null`) {
				t.Errorf("%s: not the voice of the route: %s", expression(t, m), body)
			}
		case spoken == 0:
			t.Error("the plain answer comes before that of the route")
		default:
			plain++
		}
		if names := headers(m); slices.Contains(names, "content-type") || slices.Contains(names, "x-empty") {
			t.Errorf("headers %v: content-type is the body format's, and an empty one says nothing", names)
		}
	}
	if spoken != plain || spoken == 0 {
		t.Errorf("%d answers of the route, %d plain ones", spoken, plain)
	}
	if last := expression(t, config.Mappers[len(config.Mappers)-1]); last != "true" {
		t.Errorf("the last mapper asks %q: some answer of Envoy's stays as it is", last)
	}
}

func TestLocalReplyStaysJSON(t *testing.T) {
	voice := envoyconf.Voice{Routes: []string{"r"}, Codec: parrot{`<html>%q`}}
	for _, m := range manager(t, envoyconf.Edge{Voices: []envoyconf.Voice{voice}}).LocalReplyConfig.Mappers[1:] {
		if body := encoded(t, m); !json.Valid([]byte(body)) {
			t.Errorf("not JSON: %s", body)
		}
	}
}

func manager(t *testing.T, edge envoyconf.Edge) *hcmv3.HttpConnectionManager {
	t.Helper()
	l := envoyconf.Listener(envoyconf.Endpoint{Name: "local", Address: "127.0.0.1"}, edge)
	m := new(hcmv3.HttpConnectionManager)
	if err := filter(l).GetTypedConfig().UnmarshalTo(m); err != nil {
		t.Fatal(err)
	}
	return m
}

func filter(l *listenerv3.Listener) *listenerv3.Filter { return l.FilterChains[0].Filters[0] }

func expression(t *testing.T, m *hcmv3.ResponseMapper) string {
	t.Helper()
	cel := new(celv3.ExpressionFilter)
	if err := m.Filter.GetExtensionFilter().GetTypedConfig().UnmarshalTo(cel); err != nil {
		t.Fatal(err)
	}
	return cel.Expression
}

func encoded(t *testing.T, m *hcmv3.ResponseMapper) string {
	t.Helper()
	data, err := json.Marshal(m.BodyFormatOverride.GetJsonFormat().AsMap())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func headers(m *hcmv3.ResponseMapper) []string {
	var names []string
	for _, h := range m.HeadersToAdd {
		names = append(names, h.Header.Key)
	}
	return names
}
