package admin

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseListeners(t *testing.T) {
	got, err := parseListeners([]byte(`{"listener_statuses":[
		{"name":"llm","local_address":{"socket_address":{"address":"127.0.0.1","port_value":8080}}},
		{"name":"six","local_address":{"socket_address":{"address":"::1","port_value":81}}},
		{"name":"pipe","local_address":{"pipe":{"path":"/run/x.sock"}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"llm": "127.0.0.1:8080", "six": "[::1]:81", "pipe": "unix:/run/x.sock"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("listeners (-want +got):\n%s", diff)
	}
	_, err = parseListeners([]byte(`no listener manager`))
	if err == nil || !strings.Contains(err.Error(), "decode Envoy's listeners") {
		t.Errorf("no listeners: %v", err)
	}
}

func TestParseStats(t *testing.T) {
	got, err := parseStats([]byte(`{"stats":[
		{"name":"a","value":7},{"name":"big","value":18446744073709551615},{"name":"text","value":"LIVE"},
		{"histograms":{"supported_quantiles":[0,25]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]uint64{"a": 7, "big": 1<<64 - 1}, got); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
	_, err = parseStats([]byte(`{`))
	if err == nil || !strings.Contains(err.Error(), "decode Envoy's stats") {
		t.Errorf("no stats: %v", err)
	}
}

func FuzzAdminAnswers(f *testing.F) {
	f.Add([]byte(`{"listener_statuses":[{"name":"a","local_address":{"pipe":{"path":"p"}}}],"stats":[{"name":"a","value":1}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = parseListeners(body)
		_, _ = parseStats(body)
	})
}
