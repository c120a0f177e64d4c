package bedrock

import (
	"encoding/base64"
	"regexp"
	"testing"

	"bartizan/filters"
	"bartizan/filters/redact"
)

// TestTextOfBytes: a text with bytes that are no UTF-8 is read as a text, of whatever length it is.
func TestTextOfBytes(t *testing.T) {
	data := base64.StdEncoding.EncodeToString([]byte("key-1\xffabc\xffd\xff"))
	body := []byte(`{"messages":[{"role":"user","content":[{"document":{"format":"txt","name":"n","source":{"bytes":"` + data + `"}}}]}]}`)
	x := &filters.Exchange{Route: filters.Route{Operation: Converse}, Request: filters.Request{Path: "/aws/model/m/converse"}}
	if err := (Codec{}).DecodeRequest(x, body); err != nil {
		t.Fatal(err)
	}
	for i := range x.Blocks {
		if redact.Matches(&x.Blocks[i], regexp.MustCompile("key-[0-9]")) {
			return
		}
	}
	t.Errorf("a mask does not see the text of %+v", x.Blocks)
}
