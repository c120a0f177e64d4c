package anthropic

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"bartizan/filters"
)

// conversation returns the body of a long agent session: 500 KB of turns with a tool call and its result each.
func conversation() []byte {
	result, _ := json.Marshal(strings.Repeat("func main() {\n\tfmt.Println(\"a line of a file that a tool has read\")\n}\n", 60))
	var turns []string
	for i := range 100 {
		turns = append(turns, fmt.Sprintf(`{"role":"assistant","content":[{"type":"text","text":"I will read the next file."},`+
			`{"type":"tool_use","id":"toolu_%d","name":"Read","input":{"file_path":"/work/file_%d.go"}}]},`+
			`{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_%d","content":%s}]}`, i, i, i, result))
	}
	return []byte(`{"model":"claude-opus-5-5","max_tokens":128000,"stream":true,"messages":[` + strings.Join(turns, ",") + `]}`)
}

func BenchmarkDecodeConversation500KB(b *testing.B) {
	body := conversation()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var x filters.Exchange
		if err := (Codec{}).DecodeRequest(&x, body); err != nil {
			b.Fatal(err)
		}
	}
}

// stream returns a streamed answer of 200 text deltas, in chunks as they come: one event each.
func stream() (chunks [][]byte) {
	event := func(name, data string) {
		chunks = append(chunks, []byte("event: "+name+"\ndata: "+data+"\n\n"))
	}
	event("message_start", `{"type":"message_start","message":{"id":"msg_1","model":"claude-opus-5-5","usage":{"input_tokens":10,"output_tokens":1}}}`)
	event("content_block_start", `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`)
	for range 200 {
		event("content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"some words "}}`)
	}
	event("message_stop", `{"type":"message_stop"}`)
	return chunks
}

func readStream(tb testing.TB, judge filters.AnswerJudge, chunks [][]byte) {
	x := filters.Exchange{Response: filters.Response{Status: 200, MediaType: "text/event-stream"}}
	r, err := Codec{}.Response(&x, judge)
	if err != nil {
		tb.Fatal(err)
	}
	for _, c := range chunks {
		if out, err := r.Write(c); err != nil || len(out) != len(c) {
			tb.Fatalf("passed %d of %d bytes: %v", len(out), len(c), err)
		}
	}
	if _, err := r.Close(); err != nil || !x.Response.Complete {
		tb.Fatal(err, x.Response)
	}
}

func BenchmarkSSE200Events(b *testing.B) {
	chunks := stream()
	for name, judge := range map[string]filters.AnswerJudge{"unjudged": nil, "judged": calm{}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				readStream(b, judge, chunks)
			}
		})
	}
}

// The deltas of a stream must cost no memory, judged or not, as long as nobody wants to see their text: all there is belongs to the reader and to what the record keeps.
func TestStreamAllocates(t *testing.T) {
	chunks := stream()
	for _, judge := range []filters.AnswerJudge{nil, calm{}} {
		if got := testing.AllocsPerRun(20, func() { readStream(t, judge, chunks) }); got > 30 {
			t.Errorf("%v allocations for %d events under %v, want at most 30", got, len(chunks), judge)
		}
	}
}

func TestDecodeAllocates(t *testing.T) {
	body := conversation()
	got := testing.AllocsPerRun(5, func() { _ = Codec{}.DecodeRequest(new(filters.Exchange), body) })
	if got > 3000 { // 300 blocks; a pointer, a name and an unescaped text each
		t.Errorf("%v allocations, want at most 3000", got)
	}
}

// calm lets all text flow, without looking at it.
type calm struct{}

func (calm) Judge(*filters.Exchange, filters.AnswerStage, []filters.Block) filters.Decision {
	return filters.Decision{}
}
func (calm) Expect(*filters.Exchange, *filters.Block) filters.Outlook { return filters.Outlook{} }
