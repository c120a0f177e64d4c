package resource_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bartizan/filters"
	"bartizan/filters/llm/anthropic"
	"bartizan/filters/llm/internal/resource"
	"bartizan/filters/llm/openai"
)

const (
	batchLine = `{"custom_id":"c1","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-5.5","messages":[{"role":"user","content":"plan A"}]}}`
	batchFile = batchLine + "\n" +
		`{"custom_id":"c2","method":"POST","url":"/v1/responses","body":{"model":"gpt-5.5-pro","input":"plan \u0042","previous_response_id":"r1"}}` + "\r\n\n" +
		`{"custom_id":"c3","method":"POST","url":"/v1/embeddings","body":{"model":"text-embedding-4","input":["plan C",[1,2]]}}`
	batch = `{"requests":[
{"custom_id":"c1","params":{"model":"claude-haiku-5","max_tokens":5,"messages":[{"role":"user","content":"plan A"}],"tools":[{"type":"web_search_20260318","name":"web_search"}]}},
{"params":{"model":"claude-opus-5-5","max_tokens":50,"system":"Be brief.","messages":[{"role":"user","content":[{"type":"text","text":"plan \u0042"}]}]}}]}`
)

// TestBatches: a batch is judged as the requests that it holds.
func TestBatches(t *testing.T) {
	for _, c := range []struct {
		name, operation, contentType string
		codec                        filters.Codec
		body                         []byte
		want                         string
	}{
		{"anthropic", "messages.batches.create", "application/json", anthropic.Codec{}, []byte(batch), `claude-haiku-5 [claude-haiku-5 claude-opus-5-5]
server_tool web_search_20260318 at /requests/0/params/tools/0
/requests/0/custom_id user "custom_id" text/plain: c1
/requests/0/params/messages/0/content user "" text/plain: plan A
/requests/0/params/tools/0 tool_definition "web_search" application/json: {"type":"web_search_20260318","name":"web_search"}
/requests/1/params/system system "" text/plain: Be brief.
/requests/1/params/messages/0/content/0/text user "" text/plain: plan B
`},
		{"openai", "files.create", formType, openai.Codec{}, form(t, "file=b.jsonl:application/jsonl:"+batchFile, "purpose=batch"), `gpt-5.5 [gpt-5.5 gpt-5.5-pro text-embedding-4]
history r1 at /file/1/body/previous_response_id
/file/0/custom_id user "custom_id" text/plain: c1
/file/0/method user "method" text/plain: POST
/file/0/body/messages/0/content user "" text/plain: plan A
/file/1/custom_id user "custom_id" text/plain: c2
/file/1/method user "method" text/plain: POST
/file/1/body/input user "" text/plain: plan B
/file/2/custom_id user "custom_id" text/plain: c3
/file/2/method user "method" text/plain: POST
/file/2/body/input/0 user "input" text/plain: plan C
/file/2/body/input/1 user "input" application/json: [1,2]
/purpose user "purpose" text/plain: batch
`},
		{"embeddings", "embeddings", "application/json", openai.Codec{}, []byte(`{"model":"m","input":"plan A","user":"ann"}`), `m [m]
/input user "input" text/plain: plan A
`},
		{"a batch by its file", "batches.create", "application/json; charset=utf-8", openai.Codec{}, []byte(`{"input_file_id":"file-1","endpoint":"/v1/responses","metadata":{"a":["b"]}}`), ` []
file file-1 at /input_file_id
/endpoint user "endpoint" text/plain: /v1/responses
/metadata/a/0 user "metadata" text/plain: b
`},
		{"no body", "messages.batches.cancel", "application/json", anthropic.Codec{}, nil, " []\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := exchange(c.operation, c.contentType)
			if err := (resource.Codec{Codec: c.codec}).DecodeRequest(x, c.body); err != nil {
				t.Fatal(err)
			}
			inPlace(t, c.body, x.Blocks)
			if class := x.Claimed.Class; class != "" && c.operation != "embeddings" {
				t.Errorf("class %q: tokens would be missed", class)
			}
			if diff := cmp.Diff(c.want, summary(x)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestBadBatches: what is wrong is said with its place in the whole body.
func TestBadBatches(t *testing.T) {
	jsonl := func(lines string) []byte { return form(t, "purpose=batch", "file=b.jsonl:application/jsonl:"+lines) }
	for _, c := range []struct {
		name, operation string
		codec           filters.Codec
		body            []byte
		pointer         string
	}{
		{"a bad request", "messages.batches.create", anthropic.Codec{}, []byte(`{"requests":[{"params":{"model":"m","messages":[{"role":"user"}]}}]}`), "/requests/0/params/messages/0"},
		{"no model", "messages.batches.create", anthropic.Codec{}, []byte(`{"requests":[{"params":{"messages":[]}}]}`), "/requests/0/params/model"},
		{"no list", "messages.batches.create", anthropic.Codec{}, []byte(`{"requests":{"params":1}}`), "/requests"},
		{"a bad line", "files.create", openai.Codec{}, jsonl(batchLine + "\n{"), "/file/1"},
		{"a line that ends in CR", "files.create", openai.Codec{}, jsonl(batchLine + "\r" + batchLine), "/file/0"},
		{"a line within a line", "files.create", openai.Codec{}, jsonl(`{"x":[` + "\r" + batchLine + "\r" + `],` + batchLine[1:]), "/file/0"},
		{"a batch in parts, as a form", "uploads.create", openai.Codec{}, form(t, "purpose=batch"), "/purpose"},
		{"another call", "files.create", openai.Codec{}, jsonl(`{"url":"/v1/moderations","body":{}}`), "/file/0"},
		{"no body", "files.create", openai.Codec{}, jsonl(`{"url":"/v1/responses"}`), "/file/0"},
		{"a bad call", "files.create", openai.Codec{}, jsonl(strings.Replace(batchLine, `"role":"user",`, "", 1)), "/file/0/body/messages/0"},
		{"an embedding without a model", "embeddings", openai.Codec{}, []byte(`{"input":"x"}`), "/model"},
		{"a batch in parts", "uploads.create", openai.Codec{}, []byte(`{"purpose":"batch","bytes":1}`), "/purpose"},
	} {
		t.Run(c.name, func(t *testing.T) {
			contentType := "application/json"
			if bytes.HasPrefix(c.body, []byte("--")) {
				contentType = formType
			}
			err := resource.Codec{Codec: c.codec}.DecodeRequest(exchange(c.operation, contentType), c.body)
			var be *filters.BodyError
			if !errors.As(err, &be) || be.Kind != filters.RefusedMalformed || be.Pointer != c.pointer {
				t.Errorf("%v, want one at %s", err, c.pointer)
			}
		})
	}
}

func FuzzBatch(f *testing.F) {
	f.Add([]byte(batch))
	f.Fuzz(func(t *testing.T, body []byte) {
		x := exchange("messages.batches.create", "application/json")
		if err := (resource.Codec{Codec: anthropic.Codec{}}).DecodeRequest(x, body); err != nil {
			if filters.AsRefusal(err, "").Kind == filters.RefusedInternal || x.LLM != nil {
				t.Fatalf("error %v, found %v", err, x.Blocks)
			}
			return
		}
		inPlace(t, body, x.Blocks)
	})
}
