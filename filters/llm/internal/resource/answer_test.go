package resource_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"bartizan/filters"
	"bartizan/filters/llm/anthropic"
	"bartizan/filters/llm/internal/resource"
	"bartizan/filters/llm/openai"
)

// rules deny an answer that holds a word, and mask keys.
type rules struct{ seen []filters.Block }

func (r *rules) Expect(*filters.Exchange, *filters.Block) filters.Outlook {
	return filters.Outlook{Content: true, Hold: true}
}

func (r *rules) Judge(_ *filters.Exchange, _ filters.AnswerStage, blocks []filters.Block) (d filters.Decision) {
	r.seen = blocks
	for i, b := range blocks {
		if bytes.Contains(b.Data.Bytes(), []byte("FORBIDDEN")) {
			d.Action, d.Deciding = filters.ActionDeny, &filters.Verdict{Policy: "p", Rule: "r"}
		}
		if bytes.Contains(b.Data.Bytes(), []byte("key-1")) {
			d.Treatments = append(d.Treatments, filters.Treatment{Block: i, Action: filters.ActionRedact, Masks: []*regexp.Regexp{regexp.MustCompile("key-[0-9]")}})
		}
	}
	return d
}

func answer(operation, mediaType string, judge filters.AnswerJudge, chunks ...string) (string, error) {
	x := exchange(operation, "")
	x.Response = filters.Response{Status: 200, MediaType: mediaType}
	r, err := resource.Codec{Codec: anthropic.Codec{}}.Response(x, judge)
	if err != nil {
		return "", err
	}
	var passed []byte
	for _, c := range chunks {
		p, err := r.Write([]byte(c))
		if passed = append(passed, p...); err != nil {
			return string(passed), err
		}
	}
	last, err := r.Close()
	return string(append(passed, last...)), err
}

func TestAnswers(t *testing.T) {
	const results = "{\"custom_id\":\"c1\",\"result\":{\"text\":\"a key-1\"}}\n{\"result\":{\"text\":\"\\u0046ORBIDDEN\"}}\n"
	for _, c := range []struct {
		name, operation, mediaType, body string
		blocks                           int
		want                             string // what passes; "": all
		kind                             filters.RefusalKind
	}{
		{"json", "files.retrieve", "application/json", `{"id":"f1","size":5,"filename":"a"}`, 2, "", ""},
		{"json, masked", "batches.retrieve", "application/json", `{"output":["a key-1"]}`, 1, `{"output":["a [redacted]"]}`, ""},
		{"json, denied", "batches.retrieve", "application/json", `{"output":["\u0046ORBIDDEN"]}`, 1, "", filters.RefusedByPolicy},
		{"no json", "batches.retrieve", "application/json", `{"output":`, 0, "", filters.RefusedUpstream},
		{"a file", "files.content", "text/plain", `a key-1 "key-2"`, 1, `a [redacted] "[redacted]"`, ""},
		{"a file, denied", "files.content", "application/pdf", "%PDF\xff FORBIDDEN", 1, "", filters.RefusedByPolicy},
		{"a file that cannot be masked", "files.content", "application/pdf", "%PDF\xff key-1", 1, "", filters.RefusedByPolicy},
		{"nothing", "files.create", "application/json", "", 0, "", ""},
		{"an empty file", "files.content", "text/plain", "", 0, "", ""},
		{"results", "messages.batches.results", "application/x-jsonl", results[:strings.IndexByte(results, '\n')+1], 2, "{\"custom_id\":\"c1\",\"result\":{\"text\":\"a [redacted]\"}}\n", ""},
		{"results, denied", "messages.batches.results", "application/x-jsonl", results, 3, "", filters.RefusedByPolicy},
		{"results, too deep", "messages.batches.results", "application/x-jsonl", `{"a":` + strings.Repeat("[", 70) + `"\u0046ORBIDDEN"` + strings.Repeat("]", 70) + "}\n", 0, "", filters.RefusedUpstream},
		{"results, twice", "files.content", "application/octet-stream", results[:strings.IndexByte(results, '\n')+1] + `{"a":"\u0046ORBIDDEN","a":1}`, 0, "", filters.RefusedUpstream},
		{"no results", "files.content", "text/plain", "{% one %}\n{\"a\":1}\n", 1, "", ""},
		{"a stream", "batches.retrieve", "text/event-stream", "data: {}\n\n", 0, "", filters.RefusedUpstream},
	} {
		t.Run(c.name, func(t *testing.T) {
			for cut := range len(c.body) + 1 {
				judge := &rules{}
				got, err := answer(c.operation, c.mediaType, judge, c.body[:cut], c.body[cut:])
				if c.kind != "" {
					if filters.AsRefusal(err, "").Kind != c.kind || got != "" {
						t.Fatalf("passed %q, error %v", got, err)
					}
					continue
				}
				want := c.want
				if want == "" {
					want = c.body
				}
				if err != nil || got != want || len(judge.seen) != c.blocks {
					t.Fatalf("cut at %d: passed %q, error %v, judged %d blocks", cut, got, err, len(judge.seen))
				}
			}
		})
	}
}

// TestNoRule: an answer that no rule is about is not held.
func TestNoRule(t *testing.T) {
	got, err := answer("files.content", "application/pdf", nil, "%PDF FORBIDDEN", " key-1")
	if err != nil || got != "%PDF FORBIDDEN key-1" {
		t.Errorf("%q, error %v", got, err)
	}
	large := strings.Repeat("x", 1<<20)
	chunks := strings.Split(strings.TrimSuffix(strings.Repeat(large+" ", resource.MaxHeld>>20+1), " "), " ")
	if _, err := answer("files.content", "text/plain", &rules{}, chunks...); filters.AsRefusal(err, "").Kind != filters.RefusedUpstream {
		t.Errorf("any size is held: %v", err)
	}
	for _, status := range []int{302, 304, 101} {
		x := exchange("files.content", "")
		x.Response.Status = status
		if _, err := (resource.Codec{Codec: anthropic.Codec{}}).Response(x, nil); err == nil {
			t.Errorf("status %d passes", status)
		}
	}
}

// TestEmbeddings: what costs is counted.
func TestEmbeddings(t *testing.T) {
	x := exchange("embeddings", "")
	x.Response = filters.Response{Status: 200, MediaType: "application/json"}
	r, err := resource.Codec{Codec: openai.Codec{}}.Response(x, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Write([]byte(`{"object":"list","data":[{"embedding":[0.1]}],"model":"m","usage":{"prompt_tokens":7,"total_tokens":7}}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Close(); err != nil || x.Response.Usage.Input != 7 || x.Response.Model != "m" {
		t.Errorf("error %v, %+v", err, x.Response)
	}
}

// TestIs: each operation is read by one codec.
func TestIs(t *testing.T) {
	for operation, want := range map[string]bool{
		"messages": false, "messages.count_tokens": false, "chat.completions": false, "responses": false, "responses.input_tokens": false, "responses.compact": false,
		"files.create": true, "messages.batches.results": true, "embeddings": true, "models.list": true, "responses.retrieve": true, "": false,
	} {
		if resource.Is(operation) != want {
			t.Error(fmt.Sprint(operation, ": ", !want))
		}
	}
}
