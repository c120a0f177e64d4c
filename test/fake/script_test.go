package fake

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bartizan/filters"
)

func TestParseScript(t *testing.T) {
	for words, want := range map[string]Script{
		"":                             {},
		" ; ;":                         {},
		"stream:200 delay:5ms":         {Pieces: 200, Delay: 5 * time.Millisecond},
		`say:"a; b" tool:t{"a":"} ;"}`: {Say: "a; b", Tools: []ToolUse{{Name: "t", Input: json.RawMessage(`{"a":"} ;"}`)}}},
		"usage:1,2,3,4;gzip;thinking":  {Usage: &filters.Usage{Input: 1, Output: 2, CacheRead: 3, CacheCreation: 4}, Gzip: true, Thinking: true},
		"hang html slow-headers":       {Break: BreakHang, HTML: 502, SlowHeaders: time.Second},
		"reset:3 error-event:x":        {Break: BreakError, At: 3, ErrorType: "x"},
	} {
		got, err := ParseScript(words)
		if err != nil {
			t.Errorf("%q: %v", words, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", words, d)
		}
	}
}

func TestParseScriptMistakes(t *testing.T) {
	for _, words := range []string{
		"tango", "stream", "stream:0", "stream:x", "big:99999999999", "say:x", "tool:t{", "tool:t{x}", "usage:1", "usage:1,x",
		"gzip:1", "status:200", "delay:2h", "delay", "html:1000", ":", "::",
	} {
		if s, err := ParseScript(words); err == nil {
			t.Errorf("%q: got %+v, want an error", words, s)
		}
	}
}

func FuzzParseScript(f *testing.F) {
	f.Add(`say:"a" tool:t{"a":1};stream:3 hang:2`)
	f.Fuzz(func(t *testing.T, words string) {
		s, err := ParseScript(words)
		if err != nil {
			return
		}
		if s.Pieces > maxPieces || s.Big > maxText {
			t.Errorf("limits passed: %+v", s)
		}
		for _, tool := range s.Tools {
			if !json.Valid(tool.Input) {
				t.Errorf("arguments %q are not JSON", tool.Input)
			}
		}
	})
}

// Pieces are cut between characters and lose nothing.
func FuzzSplit(f *testing.F) {
	f.Add("Grüße, 你好", 4)
	f.Fuzz(func(t *testing.T, s string, n int) {
		if n < 1 || n > 1000 {
			return
		}
		pieces := split(s, n)
		if got := strings.Join(pieces, ""); got != s {
			t.Errorf("got %q, want %q", got, s)
		}
	})
}

func TestRecorderForgetsTheOldest(t *testing.T) {
	var r Recorder
	for range maxRecords + 1 {
		r.kept = append(r.kept, &Request{})
	}
	r.kept[0].Body = []byte("12")
	r.bytes = 2
	r.end(r.add(httptest.NewRequest(http.MethodPost, "/", nil), make([]byte, 3)), EndedAnswered)
	if len(r.kept) != maxRecords || r.bytes != 3 {
		t.Errorf("%d kept with %d bytes, want %d with 3", len(r.kept), r.bytes, maxRecords)
	}
}
