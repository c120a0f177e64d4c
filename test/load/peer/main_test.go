package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"bartizan/test/load/gen"
)

// start runs the upstream until the test ends, and returns its URL as a reader of its output gets it.
func start(t *testing.T) string {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error)
	go func() { done <- upstreamCmd{Listen: "127.0.0.1:0", Events: 20, Gap: time.Millisecond}.Run(ctx, w) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	line, err := bufio.NewReader(r).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var said struct{ URL string }
	if err := json.Unmarshal(line, &said); err != nil {
		t.Fatal(err)
	}
	return said.URL
}

func TestDriveUpstream(t *testing.T) {
	url := start(t)
	file := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(file, []byte(`{"stream":true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		drive  driveCmd
		events int64
	}{
		{driveCmd{URL: url + "/v1/messages", Workers: 2, Count: 10, Header: map[string]string{"x-api-key": "k"}}, 0},
		{driveCmd{URL: url + "/v1/messages?beta=true", Workers: 2, Count: 10, Body: file, Rate: 1000}, 200},
	} {
		var out bytes.Buffer
		if err := c.drive.Run(t.Context(), &out); err != nil {
			t.Fatal(err)
		}
		var got gen.Result
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got.Requests != 10 || got.Events != c.events {
			t.Errorf("got %s", out.Bytes())
		}
	}
}

func TestUpstreamLoopbackOnly(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "nonsense"} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if err := (upstreamCmd{Listen: addr}).Run(ctx, io.Discard); err == nil {
			t.Errorf("listens on %q", addr)
		}
		cancel()
	}
}
