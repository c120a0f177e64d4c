package mcp

import (
	"fmt"
	"strings"
	"testing"

	"bartizan/filters"
)

// TestRefusals renders every kind of refusal for every sort of exchange into one golden.
func TestRefusals(t *testing.T) {
	kinds := []filters.RefusalKind{
		filters.RefusedByPolicy, filters.RefusedMalformed, filters.RefusedTooLarge, filters.RefusedEncoding, filters.RefusedIdentity,
		filters.RefusedUnknown, filters.RefusedHTTPMethod, filters.RefusedOverloaded, filters.RefusedUnrecordable, filters.RefusedUpstream,
		filters.RefusedInternal, "a kind of tomorrow",
	}
	exchanges := []struct {
		name    string
		mcp     *filters.MCP
		headers map[string]string
	}{
		{name: "call, legacy", mcp: &filters.MCP{Method: methodCall, ID: []byte(`7`), ProtocolVersion: "2025-11-25"}},
		{name: "call, modern", mcp: &filters.MCP{Method: methodCall, ID: []byte(`"a"`), ProtocolVersion: versionModern}},
		{name: "list, modern", mcp: &filters.MCP{Method: methodList, ID: []byte(`2`), ProtocolVersion: versionModern}},
		{name: "initialize", mcp: &filters.MCP{Method: methodInitialize, ID: []byte(`0`), ProtocolVersion: "2025-11-25"}},
		{name: "notification, legacy", mcp: &filters.MCP{Method: methodInitialized, ProtocolVersion: "2025-11-25"}},
		{name: "notification, modern", mcp: &filters.MCP{Method: methodCancelled, ProtocolVersion: versionModern}},
		{name: "delete", mcp: &filters.MCP{Method: OperationDelete}},
		{name: "undecoded, legacy"},
		{name: "undecoded, modern", headers: map[string]string{headerVersion: versionModern}},
	}
	var b strings.Builder
	for _, e := range exchanges {
		for _, kind := range kinds {
			x := &filters.Exchange{Route: filters.Route{Surface: filters.SurfaceMCP}, MCP: e.mcp, Request: filters.Request{Headers: e.headers}}
			r := filters.Refusal{Kind: kind, Message: "Because.", DecisionID: "d-1"}
			if kind == filters.RefusedByPolicy {
				r.Policy, r.Rule = "finance", "no-writes"
			}
			reply := New(nil).Refuse(x, r)
			checkReply(t, reply)
			fmt.Fprintf(&b, "# %s: %s\n", e.name, kind)
			showReply(&b, reply)
		}
	}
	golden(t, "testdata/refusals.golden", b.String())
}

// TestRefuseNeedsNothing: a refusal of an exchange of which nothing is known is still an answer, whatever the message contains.
func TestRefuseNeedsNothing(t *testing.T) {
	for _, message := range []string{"", "plain", "\"quoted\"\n\x00", "\xff\xfe", "\u2028</script>", strings.Repeat("x", 100_000)} {
		reply := New(nil).Refuse(&filters.Exchange{}, filters.Refusal{Message: message})
		checkReply(t, reply)
		if reply.Status != 500 {
			t.Errorf("status %d", reply.Status)
		}
	}
}
