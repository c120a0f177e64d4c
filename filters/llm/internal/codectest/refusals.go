package codectest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"bartizan/filters"
)

var kinds = []filters.RefusalKind{
	filters.RefusedByPolicy, filters.RefusedMalformed, filters.RefusedTooLarge, filters.RefusedEncoding, filters.RefusedIdentity,
	filters.RefusedUnknown, filters.RefusedHTTPMethod, filters.RefusedOverloaded, filters.RefusedUnrecordable, filters.RefusedUpstream,
	filters.RefusedInternal, "a kind to come",
}

// refusals holds each kind of refusal, as a whole answer and as the end of a stream.
func (s Suite) refusals(t *testing.T) {
	var b strings.Builder
	for _, kind := range kinds {
		r := filters.Refusal{Kind: kind, Message: "Finance has \"read-only\"\naccess, \xff.", DecisionID: "0192"}
		if kind == filters.RefusedByPolicy {
			r.Policy, r.Rule = "finance", "no-writes"
		}
		reply := s.Codec.Refuse(s.exchange(), r)
		if !json.Valid(reply.Body) {
			t.Errorf("%s: %q is no JSON", kind, reply.Body)
		}
		fmt.Fprintf(&b, "== %s\n%d\n", kind, reply.Status)
		for _, h := range reply.Headers {
			fmt.Fprintf(&b, "%s: %s\n", h.Name, h.Value)
		}
		ext := ".sse"
		stream, err := s.Codec.Response(s.open(t, "x.200.sse"), nil)
		if err != nil {
			ext = ".frames"
			stream, err = s.Codec.Response(s.open(t, "x.200.frames"), nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "\n%s\n-- in a stream\n%s", reply.Body, readable(ext, stream.Cut(r)))
	}
	golden(t, s.path("refusals.golden"), []byte(b.String()))
}
