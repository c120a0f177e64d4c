package codectest

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"bartizan/filters"
	"bartizan/filters/eventstream"
	"bartizan/filters/sse"

	"github.com/google/go-cmp/cmp"
)

var mediaTypes = map[string]string{".json": "application/json", ".sse": "text/event-stream", ".txt": "text/plain", ".frames": eventstream.MediaType}

// answered is a golden's content.
type answered struct {
	Error    error `json:",omitempty"`
	Passed   string
	Response filters.Response
}

// open returns an exchange that awaits the answer in file, named NAME.STATUS.EXT.
func (s Suite) open(t testing.TB, file string) *filters.Exchange {
	parts := strings.Split(filepath.Base(file), ".")
	status, err := strconv.Atoi(parts[max(0, len(parts)-2)])
	if err != nil {
		t.Fatalf("no status in the name %s", file)
	}
	x := s.exchange()
	x.Response = filters.Response{Status: status, MediaType: mediaTypes[filepath.Ext(file)]}
	return x
}

// read feeds an answer in chunks, under a judge or none.
func read(codec filters.Codec, x *filters.Exchange, judge filters.AnswerJudge, chunks ...[]byte) (a answered, passed []byte) {
	a, passed, _ = follow(codec, x, judge, chunks...)
	return a, passed
}

// follow is read, and returns the reader, which may be asked how the answer is to end.
func follow(codec filters.Codec, x *filters.Exchange, judge filters.AnswerJudge, chunks ...[]byte) (a answered, passed []byte, r filters.ResponseReader) {
	r, err := codec.Response(x, judge)
	for _, c := range chunks {
		if err != nil {
			break
		}
		var out []byte
		out, err = r.Write(bytes.Clone(c))
		passed = append(passed, out...)
	}
	if err == nil {
		var out []byte
		out, err = r.Close()
		passed = append(passed, out...)
	}
	return answered{Error: err, Response: x.Response}, passed, r
}

func (s Suite) answers(t *testing.T) {
	for file, body := range s.samples(t, "answers") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			whole, passed := read(s.Codec, s.open(t, file), nil, body)
			whole.Passed = describe(passed, body)
			text, err := json.MarshalIndent(whole, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, file+".golden", append(text, '\n'))
			for i := range body {
				got, p := read(s.Codec, s.open(t, file), nil, body[:i], body[i:])
				if diff := differ(whole, got, passed, p); diff != "" {
					t.Fatalf("cut at %d: %s", i, diff)
				}
			}
			got, p := read(s.Codec, s.open(t, file), nil, bytes.SplitAfter(body, nil)...)
			if diff := differ(whole, got, passed, p); diff != "" {
				t.Fatalf("byte by byte: %s", diff)
			}
		})
	}
}

// differ says how two readings of one answer differ. It spares cmp, which is slow, where they do not.
func differ(a, b answered, passedA, passedB []byte) string {
	a.Passed, b.Passed = "", ""
	if reflect.DeepEqual(a, b) && bytes.Equal(passedA, passedB) {
		return ""
	}
	return cmp.Diff(a, b) + cmp.Diff(string(passedA), string(passedB))
}

func describe(passed, body []byte) string {
	switch {
	case bytes.Equal(passed, body):
		return "all"
	case bytes.HasPrefix(body, passed):
		return strconv.Itoa(len(passed)) + " of " + strconv.Itoa(len(body)) + " bytes"
	default:
		return "something else" // which is a fault of any codec that does not rewrite
	}
}

// cuts ends every answer at every place, and reads what the client then has: whole events, the last of which is the refusal.
func (s Suite) cuts(t *testing.T) {
	why := filters.Refusal{Kind: filters.RefusedByPolicy, Message: "no \"such\"\nthing", Policy: "p", Rule: "r", DecisionID: "id"}
	for file, body := range s.samples(t, "answers") {
		if x := s.open(t, file); x.Response.Status != 200 || filepath.Ext(file) == ".txt" {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			for i := range len(body) + 1 {
				got, err := cut(s.Codec, s.open(t, file), body[:i], why)
				if err != nil {
					continue // the answer itself was bad: a sample of its own
				}
				switch filepath.Ext(file) {
				case ".json":
					if bytes.Equal(got, bytes.TrimSpace(body[:i])) {
						continue // a list that is over: there is nothing that could be said
					}
				case ".sse":
					got = lastEvent(t, got)
				case ".frames":
					got = lastFrame(t, got)
				}
				if !json.Valid(got) || !strings.Contains(string(got), `no \"such\"\nthing (rule p/r, decision id)`) {
					t.Fatalf("cut at %d, the client reads %q", i, got)
				}
			}
		})
	}
}

func cut(codec filters.Codec, x *filters.Exchange, body []byte, why filters.Refusal) ([]byte, error) {
	r, err := codec.Response(x, nil)
	if err != nil {
		return nil, err
	}
	out, err := r.Write(body)
	return append(bytes.Clone(out), r.Cut(why)...), err
}

// lastEvent returns the data of the last event that is not [DONE], after checking that each stands alone.
func lastEvent(t *testing.T, stream []byte) (data []byte) {
	t.Helper()
	var r sse.Reader
	for e := range r.Feed(stream) {
		if !e.Fires() || string(e.Data) == "[DONE]" {
			continue
		}
		if !json.Valid(e.Data) {
			t.Fatalf("event is no JSON: %q", e.Raw)
		}
		data = bytes.Clone(e.Data)
	}
	if e, whole := r.Close(); len(e.Raw) > 0 && !whole {
		t.Fatalf("stream ends with half an event: %q", e.Raw)
	}
	return data
}

// FuzzAnswer is the body of a fuzz target: whatever the bytes and wherever they are cut, the conclusions are the same, and what
// passes is a beginning of what came.
func FuzzAnswer(f *testing.F, codec filters.Codec) { Suite{Codec: codec}.FuzzAnswer(f) }

// FuzzAnswer is the function of that name.
func (s Suite) FuzzAnswer(f *testing.F) {
	streamed := ".sse"
	for file, body := range s.samples(f, "answers") {
		if ext := filepath.Ext(file); ext == ".frames" {
			streamed = ext
		}
		f.Add(body, uint16(len(body)/2), filepath.Ext(file) == streamed)
	}
	f.Fuzz(func(t *testing.T, body []byte, at uint16, stream bool) {
		name := "x.200.json"
		if stream {
			name = "x.200" + streamed
		}
		i := int(at) % (len(body) + 1)
		a, passedA := read(s.Codec, s.open(t, name), nil, body)
		b, passedB := read(s.Codec, s.open(t, name), nil, body[:i], body[i:])
		if diff := differ(a, b, passedA, passedB); diff != "" {
			t.Fatalf("cut at %d: %s", i, diff)
		}
		var be *filters.BodyError
		if a.Error != nil && (!errors.As(a.Error, &be) || be.Kind != filters.RefusedUpstream) {
			t.Fatalf("not an upstream's BodyError: %v", a.Error)
		}
		if !bytes.HasPrefix(body, passedA) {
			t.Fatalf("passed %q of %q", passedA, body)
		}
		if !s.Judged {
			return
		}
		for _, judge := range []string{"calls are denied", "words are masked", "held words are masked"} {
			if diff := unlike(s.under(t, name, judge, body), s.under(t, name, judge, body[:i], body[i:])); diff != "" {
				t.Fatalf("%s, cut at %d: %s", judge, i, diff)
			}
		}
	})
}
