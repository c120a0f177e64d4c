package codectest

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"bartizan/filters"
)

// Spoken holds refusals that are told as a message of the model, in spoken.golden: whole, streamed, and as the error that is left where
// no message was asked for.
func Spoken(t *testing.T, codec filters.Codec, operation string) {
	var out strings.Builder
	r := filters.Refusal{Kind: filters.RefusedByPolicy, Message: `Not "here".`, Policy: "finance", Rule: "no-writes", DecisionID: "0192", AsMessage: true}
	for _, c := range []struct {
		operation string
		llm       *filters.LLM
	}{{operation, &filters.LLM{Model: "a \"model\""}}, {operation, &filters.LLM{Model: "m", Stream: true}}, {operation, nil}, {"something else", &filters.LLM{Model: "m"}}} {
		x := &filters.Exchange{Route: route, LLM: c.llm}
		x.Route.Operation = c.operation
		reply := codec.Refuse(x, r)
		fmt.Fprintf(&out, "== %s, %+v\n%d %v\n%s\n", c.operation, c.llm != nil && c.llm.Stream, reply.Status, reply.Headers, reply.Body)
	}
	golden(t, filepath.Join("testdata", "spoken.golden"), []byte(out.String()))
}
