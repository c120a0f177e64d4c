package gemini

import (
	"testing"

	"bartizan/filters"
)

// The chunks of a stream must cost little memory: all there is belongs to the reader and to what the record keeps.
func TestStreamAllocates(t *testing.T) {
	const chunks = 200
	one := []byte("data: " + `{"candidates":[{"content":{"parts":[{"text":"some words "}],"role":"model"},"index":0}],` +
		`"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":2,"totalTokenCount":12},"modelVersion":"gemini-3.8-flash"}` + "\r\n\r\n")
	got := testing.AllocsPerRun(20, func() {
		x := filters.Exchange{Response: filters.Response{Status: 200, MediaType: "text/event-stream"}}
		r, err := Codec{}.Response(&x, nil)
		for range chunks {
			if err == nil {
				_, err = r.Write(one)
			}
		}
		if err != nil || x.Response.Usage.Input != 10 {
			t.Fatal(err, x.Response)
		}
	})
	if got > 3*chunks {
		t.Errorf("%v allocations for %d events, want at most 3 for each", got, chunks)
	}
}
