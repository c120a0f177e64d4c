package codectest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"bartizan/filters/eventstream"
)

// frames encodes the frames that a sample tells line by line: "KIND NAME PAYLOAD", where the kind "chunk" stands for an event of that
// name whose payload carries the rest of the line in base64. What follows a line "raw" is no frame.
func frames(t testing.TB, script []byte) (out []byte) {
	t.Helper()
	for len(script) > 0 {
		line, rest, _ := bytes.Cut(script, []byte("\n"))
		if script = rest; string(line) == "raw" {
			return append(out, rest...)
		}
		kind, line, _ := bytes.Cut(line, []byte(" "))
		if string(kind) == "chunk" {
			payload := `{"bytes":"` + base64.StdEncoding.EncodeToString(line) + `","p":"abcd"}`
			out = eventstream.Append(out, eventstream.Event, "chunk", []byte(payload))
			continue
		}
		name, payload, found := bytes.Cut(line, []byte(" "))
		if !found {
			t.Fatalf("no frame: %q", line)
		}
		out = eventstream.Append(out, eventstream.Kind(kind), string(name), payload)
	}
	return out
}

// readable writes what passed of a sample as a person can read it: frames as in the sample, all else as it is.
func readable(ext string, passed []byte) []byte {
	if ext != ".frames" {
		return passed
	}
	var b strings.Builder
	var r eventstream.Reader
	n := 0
	for f := range r.Feed(passed) {
		n += len(f.Raw)
		var chunk struct{ Bytes []byte }
		if f.Name == "chunk" && json.Unmarshal(f.Payload, &chunk) == nil {
			fmt.Fprintf(&b, "chunk %s\n", chunk.Bytes)
			continue
		}
		fmt.Fprintf(&b, "%s %s %s\n", f.Kind, f.Name, f.Payload)
	}
	if n < len(passed) {
		fmt.Fprintf(&b, "raw\n%q\n", passed[n:])
	}
	return []byte(b.String())
}

// lastFrame returns the payload of the last frame, after checking that all are whole.
func lastFrame(t *testing.T, stream []byte) (payload []byte) {
	t.Helper()
	var r eventstream.Reader
	for f := range r.Feed(stream) {
		payload = bytes.Clone(f.Payload)
	}
	if r.Err() != nil || r.Buffered() > 0 {
		t.Fatalf("stream ends with half a frame, error %v", r.Err())
	}
	return payload
}
