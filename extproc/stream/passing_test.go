package stream_test

import (
	"bytes"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"bartizan/extproc/stream"
)

// judged are exchanges up to the point where the answer may come.
var judged = map[string][]string{
	"anthropic": {
		`request_headers @route=llm/anthropic/messages :method=POST :path=/anthropic/v1/messages content-length=99 x-api-key=bz-alice x-request-id=r1`,
		`request_body eos {"model":"claude-sonnet-5","max_tokens":5,"stream":true,"messages":[{"role":"user","content":"hi"}]}`,
	},
	"openai": {
		`request_headers @route=llm/openai/chat.completions :method=POST :path=/openai/v1/chat/completions content-length=99 authorization=Bearer+bz-alice x-request-id=r1`,
		`request_body eos {"model":"gpt-6","stream":true,"messages":[{"role":"user","content":"hi"}]}`,
	},
}

func judgedMachine(t testing.TB, dialect string) *stream.Machine {
	t.Helper()
	m := newMachine(t, "durable")
	for _, in := range judged[dialect] {
		input(t, m, in)
	}
	if m.Phase() != stream.AwaitResponseHeaders {
		t.Fatalf("%s: %v, want a judged request", dialect, m.Phase())
	}
	return m
}

// anthropicAnswer streams n words. It has line ends of all kinds, a comment, an unknown event and text beyond ASCII.
func anthropicAnswer(n int) string {
	var b strings.Builder
	b.WriteString("event: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-sonnet-5\",\"content\":[],\"usage\":{\"input_tokens\":10,\"output_tokens\":1}}}\r\n\r\n")
	b.WriteString(": a comment\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n")
	for i := range n {
		fmt.Fprintf(&b, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"wörd %d \"}}\n\n", i)
	}
	b.WriteString("event: of_tomorrow\ndata: {\"type\":\"of_tomorrow\"}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n")
	b.WriteString("event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":7}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")
	return b.String()
}

func openaiAnswer(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-6\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"wörd %d \"},\"finish_reason\":null}]}\n\n", i)
	}
	b.WriteString("data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-6\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n")
	b.WriteString("data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-6\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":7,\"total_tokens\":17}}\n\ndata: [DONE]\n\n")
	return b.String()
}

// player gives a machine an answer in chunks and keeps what passed.
type player struct {
	m      *stream.Machine
	passed bytes.Buffer
	ended  bool // an end of stream was sent
	over   bool // bytes came after it
}

func (p *player) take(out stream.Output) {
	for _, r := range out.Send {
		s := r.GetResponseBody().GetResponse().GetBodyMutation().GetStreamedResponse()
		p.over = p.over || p.ended && len(s.GetBody()) > 0
		p.passed.Write(s.GetBody())
		p.ended = p.ended || s.GetEndOfStream()
	}
}

func (p *player) body(chunk string, last bool) {
	own := []byte(chunk) // as from gRPC: of this message alone
	p.take(p.m.Step(&extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_ResponseBody{ResponseBody: &extproc.HttpBody{Body: own, EndOfStream: last}}}))
	clear(own) // nothing may be read from it later
}

// chunks cuts s at random places; some chunks are empty, many are a single byte.
func chunks(rng *rand.Rand, s string) []string {
	var out []string
	for len(s) > 0 {
		n := min(len(s), []int{0, 1, 1, 2, 7, 64, 500, 5000}[rng.Intn(8)])
		out, s = append(out, s[:n]), s[n:]
	}
	return out
}

// TestPassedIsAPrefix: however a streamed answer is cut into chunks and wherever it breaks off, what the caller gets is a prefix of
// what the upstream sent, in whole events, followed by nothing but our own words; and all of it where nothing went wrong.
func TestPassedIsAPrefix(t *testing.T) {
	rng := rand.New(rand.NewSource(2))
	answers := map[string]string{"anthropic": anthropicAnswer(12), "openai": openaiAnswer(12)}
	cuts := 0
	for round := range 800 {
		for dialect, sent := range answers {
			m := judgedMachine(t, dialect)
			p := &player{m: m}
			p.take(input(t, m, `response_headers :status=200 content-type=text/event-stream`))
			pieces := chunks(rng, sent)
			stop := len(pieces)
			if rng.Intn(2) == 0 {
				stop = rng.Intn(len(pieces))
			}
			for _, piece := range pieces[:stop] {
				p.body(piece, false)
				if !strings.HasPrefix(sent, p.passed.String()) {
					t.Fatalf("%s, round %d: passed what was not sent:\n%q", dialect, round, p.passed.String())
				}
				if held := int64(len(strings.Join(pieces[:stop], "")) - p.passed.Len()); m.Held() > held {
					t.Fatalf("%s, round %d: says it holds %d bytes, and cannot hold more than %d", dialect, round, m.Held(), held)
				}
			}
			good := p.passed.Len()
			switch broken := stop < len(pieces); {
			case !broken:
				p.body("", true)
				if p.passed.String() != sent || !p.ended {
					t.Fatalf("%s, round %d: an answer without fault did not pass whole", dialect, round)
				}
				continue
			case rng.Intn(2) == 0:
				p.take(m.Timeout())
			default:
				p.take(m.NoRoom())
			}
			cuts++
			p.body("data: more\n\n", false)
			p.body("", true)
			own := p.passed.String()[good:]
			if !p.ended || p.over || m.Held() != 0 || !strings.Contains(own, "Refused by Bartizan") || strings.Contains(own, "wörd") || !strings.HasSuffix(own, "\n\n") {
				t.Fatalf("%s, round %d: ended %v, with bytes after that %v, in words that are not ours alone: %q", dialect, round, p.ended, p.over, own)
			}
			if good > 0 && !strings.HasSuffix(p.passed.String()[:good], "\n\n") && !strings.HasSuffix(p.passed.String()[:good], "\r\n\r\n") {
				t.Fatalf("%s, round %d: cut in the middle of an event: %q", dialect, round, p.passed.String()[max(0, good-40):good])
			}
		}
	}
	if cuts == 0 {
		t.Error("no answer was cut")
	}
}

// TestRecordLetsGo: a record may wait for Envoy's word, and must keep no content meanwhile.
func TestRecordLetsGo(t *testing.T) {
	m := newMachine(t, "durable")
	input(t, m, `request_headers @route=mcp/warehouse :method=POST :path=/mcp/warehouse x-api-key=bz-alice mcp-protocol-version=2025-11-25 x-request-id=r1`)
	input(t, m, `request_body eos {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query_sales","arguments":{"q":1}}}`)
	input(t, m, `response_headers :status=200 content-type=text/event-stream`)
	input(t, m, `response_body "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"a secret\"}]}}\n\ndata: half"`)
	if m.Held() != int64(len("data: half")) {
		t.Errorf("held %d bytes", m.Held())
	}
	r := m.Close().Record
	if r == nil || len(r.Exchange.Blocks) != 0 || m.Held() != 0 {
		t.Fatalf("record %+v keeps content; %d bytes are held", r, m.Held())
	}
	if c, a := r.Exchange.Content, r.Exchange.Response.Content; c.Blocks != 1 || a.Blocks != 1 || a.Bytes != int64(len("a secret")) {
		t.Errorf("content %+v and %+v: want what the request and the answer had", c, a)
	}
}
