package request_test

import (
	"encoding/base64"
	"fmt"
	"testing"

	"bartizan/filters"
	"bartizan/filters/llm/internal/request"
)

// TestDataURI: a text is judged as a text, however its base64 is written.
func TestDataURI(t *testing.T) {
	for _, c := range []struct{ uri, mediaType, data string }{
		{"data:text/plain;base64,a2V5LTE=", "text/plain", "key-1"},
		{"data:text/plain;charset=utf-8;base64,a2V5LTE", "text/plain", "key-1"},
		{"DATA:Application/JSON;BASE64,a2V5 LTE=", "application/json", "key-1"},
		{"data:text/plain;base64," + base64.StdEncoding.EncodeToString([]byte("\xffkey-1")), "text/plain", "?key-1"},
		{"data:text/plain;base64,a2V5-LTE!", "text/plain", "a2V5-LTE!"},
		{"data:text/plain,key-1", "text/plain", "key-1"},
		{"data:image/png;base64,a2V5LTE=", "image/png", "a2V5LTE="},
		{"https://example.com/a", "text/uri-list", "https://example.com/a"},
	} {
		b := request.New(&filters.Exchange{}, fmt.Appendf(nil, "%q", c.uri))
		b.AddDataURI(filters.Block{})
		if got := b.Blocks[0]; got.MediaType != c.mediaType || string(got.Data.Bytes()) != c.data {
			t.Errorf("%s: %s %q", c.uri, got.MediaType, got.Data.Bytes())
		}
	}
}
