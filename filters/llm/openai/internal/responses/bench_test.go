package responses

import (
	"fmt"
	"testing"

	"bartizan/filters"
)

// The deltas of a stream must cost no memory: all there is belongs to the reader and to what the record keeps.
func TestStreamAllocates(t *testing.T) {
	var chunks [][]byte
	for i := range 200 {
		chunks = append(chunks, fmt.Appendf(nil, "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":%d,"+
			"\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"some words \",\"logprobs\":[]}\n\n", i))
	}
	got := testing.AllocsPerRun(20, func() {
		x := filters.Exchange{Response: filters.Response{Status: 200, MediaType: "text/event-stream"}}
		r, err := Codec{}.Response(&x, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range chunks {
			if out, err := r.Write(c); err != nil || len(out) != len(c) {
				t.Fatalf("passed %d of %d bytes: %v", len(out), len(c), err)
			}
		}
	})
	if got > 30 {
		t.Errorf("%v allocations for %d events, want at most 30", got, len(chunks))
	}
}
