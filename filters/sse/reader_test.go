package sse

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seen is an event in a form that outlives its turn of the loop.
type seen struct {
	Name, Data, ID, Raw string
	Retry               int64
	Fires               bool
}

func note(e Event) seen {
	return seen{string(e.Name), string(e.Data), string(e.ID), string(e.Raw), e.Retry, e.Fires()}
}

// read feeds the chunks and closes.
func read(r *Reader, chunks ...[]byte) (events []seen, left seen, whole bool) {
	for _, c := range chunks {
		fresh := bytes.Clone(c) // the reader must not lean on a chunk after its Feed
		for e := range r.Feed(fresh) {
			events = append(events, note(e))
		}
		clear(fresh)
	}
	e, whole := r.Close()
	if whole {
		return append(events, note(e)), seen{}, true
	}
	return events, note(e), false
}

func TestReader(t *testing.T) {
	type event struct{ name, data, id string }
	tests := []struct {
		name, stream string
		want         []event
		left         string
	}{
		{"one", "data: x\n\n", []event{{data: "x"}}, ""},
		{"name first", "event: ping\ndata: {}\n\n", []event{{name: "ping", data: "{}"}}, ""},
		{"name last, twice", "data: 1\nevent: a\nevent: b\n\n", []event{{name: "b", data: "1"}}, ""},
		{"CRLF", "event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n", []event{{name: "a", data: "1"}, {data: "2"}}, ""},
		{"CR", "event: a\rdata: 1\r\rdata: 2\r\r", []event{{name: "a", data: "1"}, {data: "2"}}, ""},
		{"mixed", "data: 1\r\n\ndata: 2\n\r\ndata: 3\r\n\rdata: 4\n\n", []event{{data: "1"}, {data: "2"}, {data: "3"}, {data: "4"}}, ""},
		{"lines joined", "data: a\ndata:\ndata:  b\n\n", []event{{data: "a\n\n b"}}, ""},
		{"no space", "data:x\n\n", []event{{data: "x"}}, ""},
		{"no colon", "data\n\n", []event{{data: ""}}, ""},
		{"empty data fires", "id: 1\ndata:\n\n", []event{{id: "1"}}, ""},
		{"comment fires nothing", ": ping\n\ndata: x\n\n", []event{{data: "x"}}, ""},
		{"comment inside", "data: a\n: no\ndata: b\n\n", []event{{data: "a\nb"}}, ""},
		{"name alone fires nothing", "event: x\n\ndata: y\n\n", []event{{data: "y"}}, ""},
		{"unknown field", "datum: x\ndata: y\n\n", []event{{data: "y"}}, ""},
		{"case matters", "Data: x\n\ndata: y\n\n", []event{{data: "y"}}, ""},
		{"id with NUL", "id: a\x00b\ndata: y\n\n", []event{{data: "y"}}, ""},
		{"byte order mark", "\ufeffdata: x\n\n", []event{{data: "x"}}, ""},
		{"byte order mark once", "\ufeff\ufeffdata: x\n\ndata: y\n\n", []event{{data: "y"}}, ""},
		{"blank lines", "\n\n\ndata: x\n\n\n", []event{{data: "x"}}, ""},
		{"unfinished", "data: x\n\ndata: y\n", []event{{data: "x"}}, "data: y\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all, left, _ := read(&Reader{}, []byte(tt.stream))
			var got []event
			for _, e := range all {
				if e.Fires {
					got = append(got, event{e.Name, e.Data, e.ID})
				}
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(event{})); diff != "" {
				t.Error(diff)
			}
			if left.Raw != tt.left {
				t.Errorf("left %q, want %q", left.Raw, tt.left)
			}
		})
	}
}

func TestRetry(t *testing.T) {
	all, _, _ := read(&Reader{}, []byte("retry: 3000\nretry: 4x\ndata: x\n\n"))
	if len(all) != 1 || all[0].Retry != 3000 {
		t.Errorf("got %+v, want retry 3000", all)
	}
}

// An event must come out with its last byte, not with the first byte of the next one.
func TestEventsAreNotDelayed(t *testing.T) {
	for _, end := range []string{"\n\n", "\r\n\r\n"} {
		var r Reader
		n := 0
		for range r.Feed([]byte("data: x" + end)) {
			n++
		}
		if n != 1 || r.Buffered() != 0 {
			t.Errorf("%q: %d events, %d bytes held", end, n, r.Buffered())
		}
	}
}

func TestLimitDoesNotDependOnCuts(t *testing.T) {
	fits, over := "data: 3456\n\n", "data: 34567\n\n" // 12 and 13 bytes
	stream := []byte(fits + over + fits)
	for cut := range stream {
		r := Reader{Limit: len(fits)}
		all, _, _ := read(&r, stream[:cut], stream[cut:])
		if len(all) != 1 || !errors.Is(r.Err(), ErrTooLarge) {
			t.Fatalf("cut at %d: %d events, error %v", cut, len(all), r.Err())
		}
	}
}

func TestMemoryAfterALargeEventIsGivenBack(t *testing.T) {
	var r Reader
	big := bytes.Repeat([]byte("data: "+strings.Repeat("x", 1000)+"\n"), 100)
	for _, c := range [][]byte{big, []byte("\n"), []byte("data: x")} {
		for range r.Feed(c) {
		}
	}
	if held := cap(r.carry) + cap(r.scratch); held > 2*maxIdle {
		t.Errorf("%d bytes held idle", held)
	}
}

// A line end per byte must not make reading quadratic: this takes minutes if it does.
func TestManyShortLines(t *testing.T) {
	r := Reader{}
	stream := append(bytes.Repeat([]byte("a\r"), 2<<20), "\n\n"...)
	if all, _, _ := read(&r, stream); len(all) != 1 {
		t.Errorf("%d events, want 1", len(all))
	}
}

func TestAppend(t *testing.T) {
	tests := []struct{ name, data, want string }{
		{"error", `{"a":1}`, "event: error\ndata: {\"a\":1}\n\n"},
		{"", "x", "data: x\n\n"},
		{"", "", "data:\n\n"},
		{"", "a\nb\r\nc\rd", "data: a\ndata: b\ndata: c\ndata: d\n\n"},
		{"", "a\n", "data: a\ndata:\n\n"},
		{"a\ndata: smuggled", "x", "event: a\ndata: x\n\n"},
	}
	for _, tt := range tests {
		if got := string(Append(nil, tt.name, []byte(tt.data))); got != tt.want {
			t.Errorf("Append(%q, %q) = %q, want %q", tt.name, tt.data, got, tt.want)
		}
	}
}

// reference reads a whole stream the way the standard words it, line after line.
func reference(stream string) (events []seen) {
	stream = strings.TrimPrefix(stream, "\ufeff")
	all := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(stream), "\n")
	var e seen
	for _, line := range all[:len(all)-1] {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if e.Fires {
				e.Data = strings.TrimSuffix(e.Data, "\n")
				events = append(events, e)
			}
			e = seen{}
		case name == "data":
			e.Data, e.Fires = e.Data+value+"\n", true
		case name == "event":
			e.Name = value
		case name == "id" && !strings.Contains(value, "\x00"):
			e.ID = value
		}
	}
	return events
}

// FuzzCuts holds the promise of the package: the same events however cut, all bytes accounted for, and the standard's reading.
func FuzzCuts(f *testing.F) {
	for _, s := range []string{
		"event: a\ndata: 1\n\n: c\n\ndata: 2\ndata: 3\n\n", "data: 1\r\n\r\ndata: 2\r\rdata: 3\n\r\n", "\ufeffdata: x\n\nid: 1\ndata:\n\nretry: 5",
	} {
		f.Add([]byte(s), uint16(3), uint16(1))
	}
	f.Fuzz(func(t *testing.T, stream []byte, a, b uint16) {
		whole, left, _ := read(&Reader{}, stream)
		i := int(a) % (len(stream) + 1)
		j := i + int(b)%(len(stream)-i+1)
		byBytes := bytes.SplitAfter(stream, nil)
		for name, chunks := range map[string][][]byte{"cut": {stream[:i], stream[i:j], stream[j:]}, "by bytes": byBytes} {
			cut, cutLeft, _ := read(&Reader{}, chunks...)
			if diff := cmp.Diff(whole, cut) + cmp.Diff(left, cutLeft); diff != "" {
				t.Fatalf("%s: %s", name, diff)
			}
		}
		var raw strings.Builder
		var fired []seen
		for _, e := range whole {
			raw.WriteString(e.Raw)
			if e.Fires {
				fired = append(fired, seen{Name: e.Name, Data: e.Data, ID: e.ID, Fires: true})
			}
		}
		if raw.String()+left.Raw != string(stream) {
			t.Fatalf("raw bytes %q of %q", raw.String()+left.Raw, stream)
		}
		if diff := cmp.Diff(reference(string(stream)), fired); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzAppend(f *testing.F) {
	f.Add("error", []byte("a\nb"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		all, _, _ := read(&Reader{}, Append(nil, name, data))
		want := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data))
		if len(all) != 1 || all[0].Data != want {
			t.Fatalf("%q reads back as %+v", want, all)
		}
	})
}

func BenchmarkEvents(b *testing.B) {
	event := "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\n"
	for _, size := range []int{1 << 20, 1000} { // whole, and cut inside most events
		stream := []byte(strings.Repeat(event, 200))
		b.Run(fmt.Sprintf("chunks of %d", size), func(b *testing.B) {
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			var r Reader
			for b.Loop() {
				for rest := stream; len(rest) > 0; rest = rest[min(size, len(rest)):] {
					for range r.Feed(rest[:min(size, len(rest))]) {
					}
				}
			}
		})
	}
}
