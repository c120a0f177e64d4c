package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"bartizan/extproc/audit/tail"
)

func record(t *testing.T, tag, outcome string) tail.Event {
	t.Helper()
	raw := fmt.Sprintf(`{"http_request":{"user_agent":%q},"unmapped":{"bartizan":{"phase":"exchange","outcome":%q}}}`, tag, outcome)
	view, err := tail.Parse([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return tail.Event{Raw: []byte(raw), View: view}
}

// TestAccount: what the scenario is to find out is found out.
func TestAccount(t *testing.T) {
	allowed, refused := kinds[0], kinds[1]
	const tag = tagPrefix + "1"
	tests := []struct {
		name       string
		sent       sent
		seen       int      // by the upstream
		recorded   []string // outcomes
		unrecorded bool
		wrong      string
	}{
		{name: "answered and recorded", sent: sent{kind: allowed, status: 200}, seen: 1, recorded: []string{"allow"}},
		{name: "refused and recorded", sent: sent{kind: refused, status: 451}, recorded: []string{"deny"}},
		{name: "answered without a record", sent: sent{kind: allowed, status: 200}, seen: 1, unrecorded: true, wrong: ""},
		{name: "refused without a record", sent: sent{kind: refused, status: 451}, unrecorded: true, wrong: "recorded as refused: false"},
		{name: "cut, seen by the upstream, without a record", sent: sent{kind: allowed, status: 200, broken: "EOF"}, seen: 1, unrecorded: true},
		{name: "never arrived", sent: sent{kind: allowed, broken: "connection refused"}},
		{name: "nobody judged it, and Envoy refused it", sent: sent{kind: allowed, status: http.StatusServiceUnavailable}},
		{name: "against a rule, and through", sent: sent{kind: refused, status: 200}, seen: 1, recorded: []string{"allow"}, wrong: "reached the upstream"},
		{name: "cut, against a rule, and through", sent: sent{kind: refused, broken: "EOF"}, seen: 1, recorded: []string{"deny"}, wrong: "reached the upstream"},
		{name: "refused by mistake", sent: sent{kind: allowed, status: 451}, recorded: []string{"deny"}, wrong: "recorded as refused"},
		{name: "recorded twice", sent: sent{kind: allowed, status: 200}, seen: 1, recorded: []string{"allow", "allow"}, wrong: "2 records"},
		{name: "recorded as what it was not", sent: sent{kind: refused, status: 451}, recorded: []string{"allow"}, wrong: "recorded as refused: false"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.sent.tag = tag
			w := &world{load: &load{all: []sent{tt.sent}}, upstreams: &upstreams{witness: witness{seen: map[string]int{tag: tt.seen}}}}
			var records []tail.Event
			for _, outcome := range tt.recorded {
				records = append(records, record(t, tag, outcome))
			}
			if got := w.unrecorded(closing(records)); len(got) > 0 != tt.unrecorded {
				t.Errorf("without a record: %v, want %t", got, tt.unrecorded)
			}
			if err := w.contradictions(closing(records)); (err != nil) != (tt.wrong != "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("%v, want %q", err, tt.wrong)
			}
		})
	}
}

func TestErrorsOf(t *testing.T) {
	got := describe([]sent{
		{kind: kinds[0], status: 200},
		{kind: kinds[1], status: 451},
		{kind: kinds[1], status: 200},
		{kind: kinds[0], status: 503},
		{kind: kinds[0], broken: "EOF"},
		{kind: kinds[0], broken: "EOF"},
	})
	if want := "6 requests, 4 errors, slowest answer 0s; 2 × EOF; 1 × status 200; 1 × status 503"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
