package upstream_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"bartizan/test/load/gen"
	"bartizan/test/load/upstream"
)

func serve(t *testing.T, o upstream.Options) string {
	h, err := upstream.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func post(t *testing.T, url, body string) string {
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWhole(t *testing.T) {
	url := serve(t, upstream.Options{})
	for query, want := range map[string]int{"": 10 << 10, "?beta=true": 10 << 10, "?size=100000": 100_000, "?answer=json": 10 << 10} {
		body := post(t, url+"/v1/messages"+query, "{}")
		if len(body) != want || !json.Valid([]byte(body)) {
			t.Errorf("%q: got %d bytes, want %d: %.400s", query, len(body), want, body)
		}
	}
}

func TestStream(t *testing.T) {
	url := serve(t, upstream.Options{})
	long := strings.Repeat(" ", 40<<10)
	for _, c := range []struct {
		query, body string
		want        int
	}{
		{"", `{"stream":true}`, 200},
		{"", `{` + long + `"stream":true` + long + `}`, 200},
		{"?events=12", `{"stream":true}`, 12},
		{"?answer=sse", `{}`, 200},
		{"?answer=json", `{"stream":true}`, 0},
		{"", `{"stream":false}`, 0},
	} {
		if got := strings.Count(post(t, url+c.query, c.body), "\n\n"); got != c.want {
			t.Errorf("%q: %d events, want %d", c.query, got, c.want)
		}
	}
}

// The mark is found over any boundary of the reads.
func TestStreamMarkInPieces(t *testing.T) {
	h, err := upstream.New(upstream.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", iotest.OneByteReader(strings.NewReader(`{"stream":true}`))))
	if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/event-stream") {
		t.Errorf("got %s", got)
	}
}

func TestPaced(t *testing.T) {
	url := serve(t, upstream.Options{Events: 10, Gap: 100 * time.Millisecond})
	got, err := gen.Run(t.Context(), gen.Request{URL: url, Body: []byte(`{"stream":true}`)}, gen.Load{Workers: 2, Count: 4})
	if err != nil {
		t.Fatal(err)
	}
	if got.Requests != 4 || got.Events != 40 || got.EventAge.Count != 16 || got.EventAge.Max > 10e6 {
		t.Errorf("got %+v", got)
	}
	if got.EventGap.P50 < 50_000 || got.FirstByte.P50 > got.Latency.P50/2 {
		t.Errorf("events came together: %+v", got)
	}
}

// The vendor's own SDK takes the answers for its own.
func TestWireFormat(t *testing.T) {
	client := anthropic.NewClient(option.WithBaseURL(serve(t, upstream.Options{Events: 9})), option.WithAPIKey("k"), option.WithMaxRetries(0))
	ask := anthropic.MessageNewParams{
		Model: "m", MaxTokens: 9, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("hi"))},
	}
	m, err := client.Messages.New(t.Context(), ask)
	if err != nil || m.StopReason != "end_turn" || m.Usage.InputTokens != 250 {
		t.Errorf("got %v, %v", m, err)
	}
	var streamed anthropic.Message
	stream := client.Messages.NewStreaming(t.Context(), ask)
	for stream.Next() {
		if err := streamed.Accumulate(stream.Current()); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Err(); err != nil || streamed.StopReason != "end_turn" || len(streamed.Content[0].Text) != 120 {
		t.Errorf("got %+v, %v", streamed, err)
	}
}

func TestRefusals(t *testing.T) {
	for _, o := range []upstream.Options{{Size: -1}, {Size: 1 << 30}, {Events: 3}, {Gap: time.Hour}} {
		if _, err := upstream.New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
	url := serve(t, upstream.Options{})
	for _, query := range []string{"?size=x", "?events=1", "?gap=2h"} {
		if got := post(t, url+query, ""); strings.HasPrefix(got, "{") {
			t.Errorf("%s was taken", query)
		}
	}
}
