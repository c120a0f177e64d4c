package openai

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"bartizan/filters"
	"bartizan/filters/llm/internal/codectest"
)

// TestTwofold: what two clients could read as two things is not judged as one of them.
func TestTwofold(t *testing.T) {
	choice := func(more string) string { return `{"choices":[{"index":0,` + more + `}]}` }
	evil := `{"index":0,"id":"1","function":{"name":"evil","arguments":"{}"}}`
	for name, chunk := range map[string]string{
		"a function and a custom tool": choice(`"delta":{"tool_calls":[{"index":0,"id":"1","function":{"name":"evil","arguments":"{}"},"custom":{"name":"good","input":"x"}}]}`),
		"arguments and an input":       choice(`"delta":{"tool_calls":[{"index":0,"id":"1","function":{"name":"good","arguments":"evil","input":"x"}}]}`),
		"a delta and a message":        choice(`"delta":{"tool_calls":[` + evil + `]},"message":{"tool_calls":[` + evil + `]}`),
		"an index that has no next":    choice(`"delta":{"content":"a","tool_calls":[` + strings.Replace(evil, "0", "9223372036854775807", 1) + `]}`),
		"a choice twice": `{"choices":[{"delta":{"tool_calls":[` + evil + `,` + strings.Replace(evil, "0", "1", 1) + `]}},{"delta":{"tool_calls":[` +
			strings.Replace(evil, "0", "2", 1) + `]}}]}`,
	} {
		passed, _ := codectest.Denied(Codec{}, "text/event-stream", "data: "+chunk+"\n\n", "data: "+choice(`"delta":{},"finish_reason":"tool_calls"`)+"\n\n", "data: [DONE]\n\n")
		if strings.Contains(passed, "evil") {
			t.Errorf("%s: %s passed", name, passed)
		}
	}
}

// TestReasonedTwice: there are servers that say the same piece under two names. Each is a text of its own.
func TestReasonedTwice(t *testing.T) {
	var in []string
	for _, piece := range []string{"a sec", "ret b"} {
		in = append(in, `data: {"choices":[{"index":0,"delta":{"reasoning":"`+piece+`","reasoning_content":"`+piece+`"}}]}`+"\n\n")
	}
	passed, err := codectest.Masked(Codec{}, "secret", in...)
	if err != nil || strings.Contains(passed, "sec") || strings.Contains(passed, "ret b") {
		t.Errorf("%v: %s passed", err, passed)
	}
}

// TestMany: the parts of an answer take no more memory than a list of them may.
func TestMany(t *testing.T) {
	for name, body := range map[string]string{
		"calls":   `{"choices":[{"message":{"tool_calls":[{}` + strings.Repeat(`,{}`, 1<<16) + `]}}]}`,
		"choices": `{"choices":[{"index":0}` + strings.Repeat(`,{"index":1}`, 1<<11) + `]}`,
	} {
		if _, err := codectest.Denied(Codec{}, "application/json", body); err == nil {
			t.Errorf("%s pass", name)
		}
	}
	var stream strings.Builder
	for i := range 1 << 17 {
		stream.WriteString(`data: {"choices":[{"delta":{"tool_calls":[{"id":"1","index":` + strconv.Itoa(i) + `}]}}]}` + "\n\n")
	}
	x := &filters.Exchange{Response: filters.Response{Status: 200, MediaType: "text/event-stream"}}
	r, err := Codec{}.Response(x, nil)
	if err == nil {
		_, err = r.Write([]byte(stream.String()))
	}
	if err != nil || len(x.Response.ToolCalls) > 1<<10 {
		t.Errorf("%v, %d calls", err, len(x.Response.ToolCalls))
	}
}

// TestManyEdits: what a chunk costs grows with its size, not with that times what is changed in it.
func TestManyEdits(t *testing.T) {
	const many = 16_000 // in the square of them it takes a minute
	var chunk strings.Builder
	for i := range many {
		fmt.Fprintf(&chunk, `,"member%d":"secret %s"`, i, strings.Repeat("x", 400))
	}
	start := time.Now()
	passed, err := codectest.Masked(Codec{}, "secret", `data: {"choices":[{"delta":{"role":"assistant"`+chunk.String()+"}}]}\n\n")
	if took := time.Since(start); err != nil || strings.Count(passed, "[redacted]") != many || took > 20*time.Second {
		t.Errorf("%v after %v", err, took)
	}
}
