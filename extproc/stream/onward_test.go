package stream_test

import (
	"strings"
	"testing"
	"time"

	"bartizan/extproc/cause"
	"bartizan/extproc/stream"
	"bartizan/extproc/tries"
)

// TestNoAddress: a gateway that does not know where callers reach it leads nobody there, and not past it either.
func TestNoAddress(t *testing.T) {
	unnamed := *testBundle(t, "durable")
	unnamed.URL = ""
	m := stream.New(stream.Config{
		ID: "0193-test", Bundle: &unnamed, Stamp: stream.NewStamp("test"), Clock: time.Now, Causes: cause.New(time.Now, nil), Tries: tries.New(time.Now),
	})
	input(t, m, "request_headers @route=llm/gemini/files.create :method=POST :path=/gemini/upload/v1beta/files x-goog-api-key=bz-alice x-request-id=r1"+
		" x-goog-upload-protocol=resumable x-goog-upload-command=start")
	input(t, m, `request_body eos {"file":{}}`)
	out := input(t, m, "response_headers eos :status=200 x-goog-upload-url=https://google.test/upload/v1beta/files?upload_id=1")
	if len(out.Send) != 1 || !strings.Contains(response(out.Send[0]), "immediate 502 bartizan_upstream") || !strings.Contains(response(out.Send[0]), "own url its Gateway does not name") {
		t.Errorf("%v", out.Send)
	}
}
