package gemini_test

import (
	"fmt"
	"strings"
	"testing"

	"bartizan/filters"
	"bartizan/filters/llm/gemini"
	"bartizan/filters/llm/internal/resource"
)

// uploading is a request of an upload: its query, and its headers as name=value without the prefix x-goog-upload-.
func uploading(query string, headers ...string) *filters.Exchange {
	x := &filters.Exchange{
		Route:   filters.Route{Surface: filters.SurfaceLLM, Target: "gemini", Dialect: "gemini", Operation: "files.create"},
		Request: filters.Request{Path: "/gemini/upload/v1beta/files", Query: query, Headers: map[string]string{"content-type": "application/json"}},
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, "=")
		if !strings.HasPrefix(name, "content-") {
			name = "x-goog-upload-" + name
		}
		x.Request.Headers[name] = value
	}
	return x
}

// TestUpload: what begins an upload is JSON, and its bytes are a document, as the client says of which type. What the provider could take for
// something else is refused.
func TestUpload(t *testing.T) {
	const session = "upload_id=A1&upload_protocol=resumable"
	for _, c := range []struct {
		query   string
		headers []string
		body    string
		want    string // the blocks; "": refused
	}{
		{"", []string{"protocol=resumable", "command=start", "header-content-type=text/plain", "header-content-length=4"}, `{"file":{"displayName":"plan"}}`, "user text/plain plan"},
		{"alt=json", []string{"protocol=resumable", "command=start"}, ``, "none"},
		{session, []string{"command=upload, finalize", "offset=0", "header-content-type=text/plain; charset=utf-8", "file-name=a.txt"}, `{"file":`, `document text/plain a.txt {"file":`},
		{session, []string{"protocol=resumable", "command=upload", "offset=5", "content-type=image/png"}, "\xff\x00", "document image/png \xff\x00"},
		{session, []string{"command=upload", "offset=5", "content-type=text/plain,image/png"}, "x", "document application/octet-stream x"},
		{session, []string{"command=query"}, "", "none"},
		{session, []string{"command=cancel"}, "words", "document application/json words"},
		{"", []string{"protocol=raw", "content-type=text/csv"}, "a,b", "document text/csv a,b"},
		{"", nil, `{}`, ""},
		{"", []string{"protocol=multipart", "content-type=multipart/related; boundary=x"}, "--x--", ""},
		{"", []string{"protocol=resumable", "command=start, upload, finalize"}, `{}`, ""},
		{"", []string{"protocol=resumable,raw", "command=start"}, `{}`, ""},
		{"", []string{"protocol=resumable", "command=start"}, `words`, ""},
		{"", []string{"command=upload, finalize"}, "words", ""},
		{"upload_protocol=resumable", []string{"protocol=resumable", "command=start"}, `{}`, ""},
		{"upload_protocol=raw", nil, "words", ""},
		{"uploadType=media", []string{"protocol=raw"}, "words", ""},
		{session, []string{"command=start"}, `{}`, ""},
		{session, nil, "words", ""},
		{session, []string{"command=upload, start"}, "words", ""},
		{session, []string{"protocol=raw", "command=upload"}, "words", ""},
		{session + "&upload_id=B2", []string{"command=upload"}, "words", ""},
		{session + "&$httpHeaders=x", []string{"command=upload"}, "words", ""},
		{session + "&alt=media", []string{"command=upload"}, "words", ""},
		{session, []string{"command=upload", "header-x-goog-api-key=x"}, "words", ""},
	} {
		x := uploading(c.query, c.headers...)
		err := resource.Codec{Codec: gemini.Codec{}}.DecodeRequest(x, []byte(c.body))
		if c.want == "" {
			if err == nil || filters.AsRefusal(err, "").Kind != filters.RefusedMalformed || x.LLM != nil {
				t.Errorf("?%s %q: %v", c.query, c.headers, err)
			}
			continue
		}
		found := "none"
		for _, b := range x.Blocks {
			found = strings.ReplaceAll(fmt.Sprintf("%s %s %s %s", b.Origin, b.MediaType, map[bool]string{true: b.Name}[b.Raw], b.Data.Bytes()), "  ", " ")
		}
		if err != nil || found != c.want || len(x.Blocks) > 1 {
			t.Errorf("?%s %q: %d blocks, the last %q, error %v", c.query, c.headers, len(x.Blocks), found, err)
		}
	}
}

// TestListed: the address of what has no body is read too.
func TestListed(t *testing.T) {
	for query, want := range map[string]bool{
		"": true, "pageSize=5&pageToken=x&alt=json": true, "queryBase=true": true, "alt=media": false, "$alt=proto": false, "$httpHeaders=x-goog-api-key:y": false, "fields=files": false,
	} {
		x := uploading(query)
		x.Route.Operation = "files.list"
		if err := (resource.Codec{Codec: gemini.Codec{}}).DecodeRequest(x, nil); (err == nil) != want {
			t.Errorf("?%s: %v", query, err)
		}
	}
	x := uploading("")
	x.Request.Headers["x-goog-fieldmask"] = "files.name"
	if err := (resource.Codec{Codec: gemini.Codec{}}).DecodeRequest(x, nil); err == nil {
		t.Error("half an answer may be asked for")
	}
}

// TestOtherMethods: leave to read what is known of a file is none to have its bytes, which Google's address has behind a colon.
func TestOtherMethods(t *testing.T) {
	for path, want := range map[string]bool{
		"/gemini/v1beta/files/abc": true, "/gemini/v1beta/files/abc:download": false, "/gemini/v1beta/files/abc%3Adownload": false, "/gemini/v1beta/files/abc%3adownload": false,
	} {
		x := uploading("")
		x.Route.Operation, x.Request.Path = "files.retrieve", path
		if err := (resource.Codec{Codec: gemini.Codec{}}).DecodeRequest(x, nil); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestUploadRefused: an SDK sends bytes again until it hears how the upload stands.
func TestUploadRefused(t *testing.T) {
	for kind, want := range map[filters.RefusalKind]string{filters.RefusedByPolicy: "final", filters.RefusedUnrecordable: ""} {
		said := ""
		for _, h := range (gemini.Codec{}).Refuse(uploading(""), filters.Refusal{Kind: kind}).Headers {
			if h.Name == "x-goog-upload-status" {
				said = h.Value
			}
		}
		if said != want {
			t.Errorf("%s: upload status %q", kind, said)
		}
	}
}
