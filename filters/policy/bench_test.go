package policy

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"bartizan/filters"
)

// conversation is an exchange as a coding agent makes it late in its work: half a megabyte in 24 definitions of tools and 300
// blocks, of which every third is the long result of a tool. A few characters are not ASCII, as in any real text.
func conversation() *filters.Exchange {
	x := exchange()
	x.LLM.MaxTokens, x.LLM.Messages = 32_000, 200
	x.LLM.Model, x.LLM.Tools, x.Blocks = "claude-load", nil, nil
	block := func(role string, origin filters.Origin, pointer, text string) {
		x.Blocks = append(x.Blocks, filters.Block{Role: role, Origin: origin, MediaType: "text/plain", Pointer: pointer, Data: filters.Plain(text)})
	}
	block("system", filters.OriginSystem, "/system/0/text", prose(14_000))
	for i := range 24 {
		name := fmt.Sprintf("mcp__warehouse__read_%02d", i)
		x.LLM.Tools = append(x.LLM.Tools, filters.Tool{Name: name, Type: "custom"})
		block("", filters.OriginToolDefinition, fmt.Sprintf("/tools/%d", i), prose(1_500))
	}
	for i := range 100 {
		block("assistant", filters.OriginAssistant, fmt.Sprintf("/messages/%d/content/0/text", 2*i), prose(300+i*37%400))
		block("assistant", filters.OriginAssistant, fmt.Sprintf("/messages/%d/content/1/input", 2*i), `{"path":"/src/report/part.go","offset":40}`)
		block("user", filters.OriginToolResult, fmt.Sprintf("/messages/%d/content/0/content", 2*i+1), program(1_000+i*613%7_000))
	}
	return x
}

const sentence = "The third quarter closed above plan – though returns in the northern region grew again. "

func prose(n int) string {
	return strings.ToValidUTF8(strings.Repeat(sentence, n/len(sentence)+1)[:n], "")
}

const line = "\tif total := sum(rows[i:j], \"returns\"); total > limit && !seen[key] { // counted once\n\t\treport.Add(key, total)\n\t}\n"

func program(n int) string { return strings.Repeat(line, n/len(line)+1)[:n] }

// BenchmarkJudge is twenty rules as companies write them, over one question and over a long conversation.
func BenchmarkJudge(b *testing.B) {
	rules, err := os.ReadFile("testdata/twenty.good.yaml")
	if err != nil {
		b.Fatal(err)
	}
	small := exchange()
	small.LLM.Model = "claude-load"
	for name, x := range map[string]*filters.Exchange{"small": small, "conversation": conversation()} {
		b.Run(name, func(b *testing.B) {
			set := mustLoad(b, string(rules))
			b.ReportAllocs()
			for b.Loop() {
				if d, _ := set.Judge(x); len(d.Verdicts) > 0 {
					b.Fatal(d.Verdicts)
				}
			}
		})
	}
}
