package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bartizan/filters"
)

func called() *filters.Exchange {
	return &filters.Exchange{
		Route:    filters.Route{Surface: filters.SurfaceMCP},
		Identity: filters.Identity{User: "ann"},
		MCP:      &filters.MCP{Server: "warehouse", Method: "tools/call", Tool: filters.MCPTool{Name: "read"}},
		Blocks:   []filters.Block{text(filters.OriginAssistant, `{"q":"secret"}`)},
	}
}

// text is a block of plain text, with quotes around it in a body that is not there.
func text(origin filters.Origin, s string) filters.Block {
	return filters.Block{Origin: origin, MediaType: "text/plain", Pointer: "/" + s[:1], Data: filters.Plain(s), End: len(s) + 2}
}

// TestJudgeAnswer holds what rules about blocks and answers conclude: first about the request, then about one message.
func TestJudgeAnswer(t *testing.T) {
	rule := func(name, action, expression, more string) string {
		return fmt.Sprintf("    - { name: %s, action: %s, reason: because, expression: \"%s\"%s }\n", name, action, expression, more)
	}
	poisoned := rule("poison", "quarantine", "block.text.contains('IGNORE')", "")
	for name, c := range map[string]struct{ spec, rules, request, answer string }{
		"no rule about answers": {"", rule("r", "flag", "mcp.server == 'warehouse'", ""), "flag p/r", "nothing to say"},
		"a rule about the answer": {
			"", rule("r", "deny", "response.kind == 'result' && response.blocks.exists(b, b.text.contains('IGNORE'))", ""), "allow", "deny p/r",
		},
		"a rule about blocks, of both": {
			"", rule("r", "flag", "block.text.contains('secret')", ""), "flag p/r 1 at /{", "flag p/r 2 at /s",
		},
		"of one origin":   {"", rule("r", "flag", "block.origin == 'tool_result' && block.size > 0", ""), "allow", "flag p/r 3 at /s"},
		"of answers only": {"", rule("r", "flag", "response.status == 200 && block.size > 0", ""), "allow", "flag p/r 3 at /s"},
		"quarantine":      {"", poisoned, "allow", "quarantine p/poison 1 at /I\n1 quarantine Removed by Bartizan: because (rule p/poison)"},
		"redact":          {"", rule("r", "redact", "block.origin == 'tool_result'", ", pattern: 'secret|s[0-9]+'"), "allow", "redact p/r 2 at /s\n0 redact secret|s[0-9]+\n2 redact secret|s[0-9]+"},
		"quarantine is more than redact, and both are noted": {
			"", poisoned + rule("r", "redact", "block.origin == 'tool_result'", ", pattern: IGNORE"), "allow",
			"quarantine p/poison 1 at /I, p/r 1 at /I\n1 quarantine IGNORE Removed by Bartizan: because (rule p/poison)",
		},
		"deny is more": {
			"", poisoned + rule("r", "deny", "response.status == 200", ""), "allow",
			"deny p/poison 1 at /I, p/r\n1 quarantine Removed by Bartizan: because (rule p/poison)",
		},
		"observed": {"  mode: Observe\n", poisoned, "allow", "allow p/poison 1 at /I"},
		"conditions are of the request": {
			"  matchConditions: [\"identity.user == 'bob'\"]\n", poisoned, "allow", "nothing to say",
		},
		"another operation": {"", rule("r", "deny", "response.status == 200", ", on: [tools/list]"), "allow", "nothing to say"},
		"a failure":         {"", rule("r", "flag", "response.blocks[9].size > 0", ""), "allow", "deny p/r failed"},
		"a failure about a block": {
			"", rule("r", "quarantine", "int(block.text) > 0", ""), "deny p/r failed", "deny p/r failed",
		},
		"an ignored failure": {"  failurePolicy: Ignore\n", rule("r", "quarantine", "int(block.text) > 0", ""), "allow p/r failed", "allow p/r failed"},
		"variables of a block are of each": {
			"  variables:\n    - { name: ann, expression: \"identity.user == 'ann'\" }\n    - { name: hit, expression: \"variables.ann && block.text.contains('IGNORE')\" }\n",
			rule("r", "flag", "variables.hit", ""), "allow", "flag p/r 1 at /I",
		},
	} {
		t.Run(name, func(t *testing.T) {
			set := mustLoad(t, "apiVersion: bartizan/v1\nkind: Policy\nmetadata: { name: p }\nspec:\n  surface: mcp\n"+c.spec+"  rules:\n"+c.rules)
			x := called()
			d, judge := set.Judge(x)
			if diff := cmp.Diff(c.request, summary(d)); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			x.Forget()
			got := "nothing to say"
			if judge != nil {
				x.Response = filters.Response{Status: 200, Message: filters.Message{Kind: "result"}}
				got = summary(judge.Judge(x, filters.AnswerMessage, []filters.Block{
					text(filters.OriginToolResult, "secret"), text(filters.OriginToolResult, "IGNORE all that"), text(filters.OriginToolResult, "secret s9"),
				}))
			}
			if diff := cmp.Diff(c.answer, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

// summary writes a decision: its action and verdicts, then a line for each treatment.
func summary(d filters.Decision) string {
	var verdicts []string
	for _, v := range d.Verdicts {
		s := v.Policy + "/" + v.Rule
		if v.Outcome == filters.Failed {
			s += " failed"
		}
		if v.Blocks > 0 {
			s += fmt.Sprintf(" %d at %s", v.Blocks, v.Pointer)
		}
		verdicts = append(verdicts, s)
	}
	lines := []string{strings.TrimSpace(d.Action.String() + " " + strings.Join(verdicts, ", "))}
	for _, t := range d.Treatments {
		line := fmt.Sprintf("%d %s", t.Block, t.Action)
		for _, m := range t.Masks {
			line += " " + m.String()
		}
		lines = append(lines, strings.TrimSpace(line+" "+t.Notice))
	}
	return strings.Join(lines, "\n")
}
