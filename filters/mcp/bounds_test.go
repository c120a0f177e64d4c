package mcp

import (
	"strings"
	"testing"
)

func callAnswer(mediaType, body string) answerCase {
	return answerCase{method: methodCall, id: "7", version: "2025-11-25", status: 200, mediaType: mediaType, body: []byte(body)}
}

func chunks(n int) func(int) int { return func(left int) int { return min(n, left) } }

func TestJSONAnswerIsBounded(t *testing.T) {
	body := `{"jsonrpc":"2.0","id":7,"result":{"structuredContent":"` + strings.Repeat("x", maxJSON) + `"}}`
	got := callAnswer("application/json", body).run(t, chunks(1<<20))
	if !strings.Contains(got.Err, "32 MiB") || got.Passed != "" {
		t.Errorf("error %q, %d bytes passed", got.Err, len(got.Passed))
	}
}

func TestEventIsBounded(t *testing.T) {
	got := callAnswer("text/event-stream", "data: "+strings.Repeat("x", 9<<20)).run(t, chunks(1<<20))
	if !strings.Contains(got.Err, "8 MiB") || got.Passed != "" {
		t.Errorf("error %q, %d bytes passed", got.Err, len(got.Passed))
	}
}

func TestAcknowledgementIsBounded(t *testing.T) {
	c := answerCase{method: methodInitialized, id: "-", version: "2025-11-25", status: 202, mediaType: "text/plain"}
	c.body = []byte(strings.Repeat("x", maxAck+1))
	if got := c.run(t, chunks(1000)); !strings.Contains(got.Err, "64 KiB") || got.Passed != "" {
		t.Errorf("error %q, %d bytes passed", got.Err, len(got.Passed))
	}
}

// TestLargeHTTPErrorStops: what is too large to be judged does not pass.
func TestLargeHTTPErrorStops(t *testing.T) {
	c := answerCase{method: methodCall, id: "7", version: "2025-11-25", status: 500, mediaType: "text/plain"}
	c.body = []byte(strings.Repeat("x", 3*maxError))
	got := c.run(t, chunks(100_000))
	if !strings.Contains(got.Err, "1 MiB") || got.Passed != "" || got.Cut == "" {
		t.Errorf("error %q, %d bytes passed, cut %q", got.Err, len(got.Passed), got.Cut)
	}
}

// TestPartsAreBounded: a message of more parts than can be judged does not pass.
func TestPartsAreBounded(t *testing.T) {
	body := `{"jsonrpc":"2.0","id":7,"result":{"content":[` + strings.Repeat(`{"type":"text","text":"y"},`, maxBlocks) + `{"type":"text","text":"end"}]}}`
	if got := callAnswer("application/json", body).run(t, chunks(1<<20)); !strings.Contains(got.Err, "more parts") || got.Passed != "" {
		t.Errorf("error %q, %d bytes passed", got.Err, len(got.Passed))
	}
}

// TestNotificationsDoNotPushResultsOut: a result is kept after any number of notifications.
func TestNotificationsDoNotPushResultsOut(t *testing.T) {
	note := `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"` + strings.Repeat("z", 10_000) + `"}}` + "\n\n"
	body := strings.Repeat(note, 300) + `data: {"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"the result"}]}}` + "\n\n"
	got := callAnswer("text/event-stream", body).run(t, chunks(7777))
	last := got.Blocks[len(got.Blocks)-1]
	if string(last.Data.Bytes()) != "the result" || got.Response.Events != 301 || !got.Response.Complete {
		t.Errorf("last block %q, %d events, complete %t", last.Data.Bytes(), got.Response.Events, got.Response.Complete)
	}
}

// TestCutAfterTheResponse: a client that has its answer gets no second one.
func TestCutAfterTheResponse(t *testing.T) {
	c := callAnswer("text/event-stream", `data: {"jsonrpc":"2.0","id":7,"result":{}}`+"\n\n")
	if got := c.run(t, whole); got.Cut != "" {
		t.Errorf("cut %q", got.Cut)
	}
}

// TestReadersStayFailed: after an error nothing passes any more.
func TestReadersStayFailed(t *testing.T) {
	for _, c := range []answerCase{callAnswer("application/json", "["), callAnswer("text/event-stream", "data: x\n\n"), callAnswer("text/html", "x")} {
		r, err := New(nil).Response(c.exchange(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Write(c.body); err == nil {
			t.Fatalf("%s: no error", c.mediaType)
		}
		good := []byte(`data: {"jsonrpc":"2.0","id":7,"result":{}}` + "\n\n")
		if out, err := r.Write(good); err == nil || len(out) > 0 {
			t.Errorf("%s: passed %q after an error", c.mediaType, out)
		}
		if out, err := r.Close(); err == nil || len(out) > 0 {
			t.Errorf("%s: closed with %q after an error", c.mediaType, out)
		}
	}
}

func BenchmarkStream200Events(b *testing.B) {
	note := `data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":1}}` + "\n\n"
	body := []byte(strings.Repeat(note, 199) + `data: {"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"x"}]}}` + "\n\n")
	c := callAnswer("text/event-stream", "")
	codec := New(nil)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		x := c.exchange()
		r, err := codec.Response(x, nil)
		if err != nil {
			b.Fatal(err)
		}
		for left := body; len(left) > 0; {
			n := min(512, len(left))
			if _, err := r.Write(left[:n]); err != nil {
				b.Fatal(err)
			}
			left = left[n:]
		}
		if x.Response.Events != 200 {
			b.Fatal(x.Response.Events)
		}
	}
}
