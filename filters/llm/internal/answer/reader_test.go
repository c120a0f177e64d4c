package answer

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"bartizan/filters"
	"bartizan/filters/sse"
	"bartizan/filters/strictjson"
)

// dialect accepts any JSON.
type dialect struct{}

func (dialect) ReadEvent(d *strictjson.Decoder, e *Event) error { return dialect{}.ReadBody(d, e) }
func (dialect) ReadBody(d *strictjson.Decoder, _ *Event) error  { d.Skip(); return d.End() }
func (dialect) WriteEvent(dst []byte, e *Event) []byte          { return append(dst, e.Raw...) }
func (dialect) WriteBody(e *Event) []byte                       { return e.Data }
func (dialect) CutEvent(filters.Refusal, *Passed) []byte        { return []byte("data: \"cut\"\n\n") }
func (dialect) CutBody(filters.Refusal) []byte                  { return []byte(`"cut"`) }

func open(t *testing.T, status int, mediaType string) (*filters.Exchange, filters.ResponseReader) {
	t.Helper()
	x := &filters.Exchange{Response: filters.Response{Status: status, MediaType: mediaType}}
	r, err := New(x, nil, dialect{})
	if err != nil {
		t.Fatal(err)
	}
	return x, r
}

func TestKinds(t *testing.T) {
	tests := []struct {
		status    int
		mediaType string
		ok        bool
	}{
		{200, "application/json", true},
		{200, "text/event-stream", true},
		{201, "application/json", true},
		{200, "text/html", false},
		{200, "", false},
		{204, "", false},
		{302, "application/json", false},
		{101, "", false},
		{0, "", false},
		{400, "text/html", true},
		{529, "", true},
		{500, "text/event-stream", true},
	}
	for _, tt := range tests {
		_, err := New(&filters.Exchange{Response: filters.Response{Status: tt.status, MediaType: tt.mediaType}}, nil, dialect{})
		var be *filters.BodyError
		if (err == nil) != tt.ok || err != nil && (!errors.As(err, &be) || be.Kind != filters.RefusedUpstream) {
			t.Errorf("%d %q: %v", tt.status, tt.mediaType, err)
		}
	}
}

func TestLargeErrorFlowsThrough(t *testing.T) {
	_, r := open(t, 500, "application/json")
	chunk := bytes.Repeat([]byte("x"), MaxError/2)
	total := 0
	for i, want := range []int{0, 0, 3, 1, 1} { // in chunks: held, held, all of it at once, and then as it comes
		out, err := r.Write(chunk)
		if total += len(out); err != nil || len(out) != want*len(chunk) {
			t.Fatalf("chunk %d: passed %d bytes, error %v", i, len(out), err)
		}
	}
	if out := r.Cut(filters.Refusal{}); out != nil {
		t.Errorf("cut of a passing answer adds %q", out)
	}
	if out, err := r.Close(); len(out) != 0 || err != nil || total != 5*len(chunk) {
		t.Errorf("close: %d bytes, %v, of %d", len(out), err, total)
	}
}

func TestHeldErrorCanBeCut(t *testing.T) {
	_, r := open(t, 500, "application/json")
	if out, err := r.Write([]byte(`{"a":`)); len(out) != 0 || err != nil {
		t.Fatalf("passed %q, %v", out, err)
	}
	if out := r.Cut(filters.Refusal{}); string(out) != `"cut"` {
		t.Errorf("cut = %q", out)
	}
	if out, _ := r.Close(); len(out) != 0 {
		t.Errorf("after the cut %q passed", out)
	}
}

func TestLargeBodyIsRefused(t *testing.T) {
	_, r := open(t, 200, "application/json")
	chunk := bytes.Repeat([]byte(" "), MaxBody/4)
	for range 4 {
		if out, err := r.Write(chunk); len(out) != 0 || err != nil {
			t.Fatalf("passed %d bytes, error %v", len(out), err)
		}
	}
	if _, err := r.Write([]byte("x")); err == nil || !strings.Contains(err.Error(), "larger than 32 MiB") {
		t.Errorf("error = %v", err)
	}
	if out := r.Cut(filters.Refusal{}); string(out) != `"cut"` {
		t.Errorf("cut = %q", out)
	}
}

func TestLargeEventIsRefused(t *testing.T) {
	x, r := open(t, 200, "text/event-stream")
	out, err := r.Write([]byte("data: 1\n\ndata: \""))
	if string(out) != "data: 1\n\n" || err != nil {
		t.Fatalf("passed %q, %v", out, err)
	}
	chunk := bytes.Repeat([]byte("x"), sse.DefaultLimit/2)
	for range 2 {
		if out, err = r.Write(chunk); len(out) != 0 {
			t.Fatalf("passed %d bytes of half an event", len(out))
		}
	}
	if err == nil || !strings.Contains(err.Error(), "event is larger than 8 MiB") || x.Response.Events != 1 {
		t.Errorf("error = %v after %d events", err, x.Response.Events)
	}
	if out, err := r.Close(); len(out) != 0 || err != nil {
		t.Errorf("after the error %q passed, %v", out, err)
	}
}

// What is not whole is not passed: so a cut always stands alone, and nothing needs repair.
func TestHalfAnEvent(t *testing.T) {
	tests := []struct{ stream, passed, closed, cut string }{
		{"data: 1\n\ndata: [1,", "data: 1\n\n", "", "data: \"cut\"\n\n"},
		{"data: 1\n\ndata: 2", "data: 1\n\n", "data: 2", "\n\ndata: \"cut\"\n\n"},
		{"data: 1\n\ndata: 2\n", "data: 1\n\n", "data: 2\n", "\n\ndata: \"cut\"\n\n"},
		{"data: 1\r\rdata: 2\r\r", "data: 1\r\r", "data: 2\r\r", "data: \"cut\"\n\n"},
		{"event: x\n: no data", "", "event: x\n: no data", "\n\ndata: \"cut\"\n\n"},
		{"data:\n\n", "data:\n\n", "", "data: \"cut\"\n\n"},
	}
	for _, tt := range tests {
		_, r := open(t, 200, "text/event-stream")
		out, err := r.Write([]byte(tt.stream))
		closed, errClose := r.Close()
		if string(out) != tt.passed || string(closed) != tt.closed || err != nil || errClose != nil {
			t.Errorf("%q: passed %q, at its end %q (%v, %v)", tt.stream, out, closed, err, errClose)
		}
		if cut := string(r.Cut(filters.Refusal{})); cut != tt.cut {
			t.Errorf("%q: cut %q, want %q", tt.stream, cut, tt.cut)
		}
	}
}

func TestFactsAreBounded(t *testing.T) {
	if got := Name(bytes.Repeat([]byte("é"), 1000)); len(got) > maxName {
		t.Errorf("name of %d bytes", len(got))
	}
	if got := Name([]byte("x" + strings.Repeat("é", 1000))); strings.ToValidUTF8(got, "?") != got {
		t.Error("a rune was broken")
	}
	var calls []filters.ToolCall
	for range maxToolCalls + 5 {
		calls = AddToolCall(calls, filters.ToolCall{ID: "x"}, filters.ToolCall{ID: "y"})
	}
	if len(calls) != maxToolCalls {
		t.Errorf("%d tool calls kept", len(calls))
	}
	for text, want := range map[string]int64{`-1`: 7, `5`: 5, `1.5`: 7, `9223372036854775807`: 7, `null`: 7, `"3"`: 7} {
		n := int64(7)
		if SetTokens(strictjson.New([]byte(text)), &n); n != want {
			t.Errorf("tokens %s: %d, want %d", text, n, want)
		}
	}
}
