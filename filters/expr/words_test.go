package expr

import (
	"strings"
	"testing"

	"bartizan/filters"
	"bartizan/filters/llm"
	"bartizan/filters/manifest"
	"bartizan/filters/mcp"
	"bartizan/filters/scan"
)

// TestMisspelt: a comparison that could never hold is refused where the word stands.
func TestMisspelt(t *testing.T) {
	env := newEnv(t, filters.SurfaceLLM)
	for _, v := range []struct{ name, text string }{
		{"kinds", "llm.declarations.map(d, d.kind)"},
		{"first", "llm.declarations.filter(d, d.name != '')[0].kind"},
	} {
		program, bad := env.CompileValue(at(v.text))
		if bad != nil {
			t.Fatal(bad)
		}
		var err error
		if env, err = env.Declare(v.name, program); err != nil {
			t.Fatal(err)
		}
	}
	const (
		schedule = `has no such word: "scheduled" (did you mean "schedule"?)`
		tags     = `has no such word: "hidden/unicode_tag" (did you mean "hidden/unicode_tags"?)`
	)
	for text, want := range map[string]string{
		"llm.declarations.exists(d, d.kind == 'scheduled')":                          "42: kind " + schedule,
		"llm.declarations.exists(d, 'scheduled' == d.kind)":                          "32: kind " + schedule,
		"llm.declarations.all(d, d.kind != 'scheduled')":                             "39: kind " + schedule,
		"llm.declarations[0].kind == 'scheduled'":                                    "33: kind " + schedule,
		"llm.declarations.exists(d, d.kind in ['history', 'scheduled'])":             "54: kind " + schedule,
		"'scheduled' in llm.declarations.map(d, d.kind)":                             "5: kind " + schedule,
		"'scheduled' in llm.declarations.map(d, d.name != '', d.kind)":               "5: kind " + schedule,
		"llm.declarations.map(d, d.kind).exists(k, k == 'scheduled')":                "52: kind " + schedule,
		"'scheduled' in variables.kinds":                                             "5: kind " + schedule,
		"variables.first == 'scheduled'":                                             "24: kind " + schedule,
		"llm.declarations.exists(d, d.kind == 'x')":                                  `42: kind has no such word: "x" (one of server_tool, mcp_server, `,
		"llm.declarations.exists(d, d.kind == 'Schedule')":                           `42: kind has no such word: "Schedule" (did you mean "schedule"?)`,
		"llm.declarations.filter(d, d.kind == 'scheduled').exists(d, d.name == 'x')": "42: kind " + schedule,
		"block.origin == 'tool-result'":                                              `21: origin has no such word: "tool-result" (did you mean "tool_result"?)`,
		"block.text != '' || llm.blocks.exists(b, b.origin == 'usr')":                `58: origin has no such word: "usr" (did you mean "user"?)`,
		"'hidden/unicode_tag' in block.findings":                                     "5: findings " + tags,
		"block.findings.exists(f, f == 'hidden/unicode_tag')":                        "35: findings " + tags,
		"block.findings.filter(f, f != '').exists(f, f == 'hidden/unicode_tag')":     "54: findings " + tags,
		"block.findings.exists(f, f in ['hidden/unicode_tag'])":                      "36: findings " + tags,
		"block.findings == ['hidden/unicode_tag']":                                   "24: findings " + tags,
		"block.findings[0] == 'hidden/unicode_tag'":                                  "26: findings " + tags,
		"llm.blocks.exists(b, 'hidden/unicode_tag' in b.findings)":                   "26: findings " + tags,
		"identity.method == 'key' ? true : false":                                    `24: method has no such word: "key" (one of virtual_key, jwt)`,
		"llm.dialect == 'antropic'":                                                  `20: dialect has no such word: "antropic" (did you mean "anthropic"?)`,
		"llm.operation == 'message'":                                                 `22: operation has no such word: "message" (did you mean "messages"?)`,
	} {
		_, bad := env.Compile(at(text))
		if want = "p.yaml:10:" + want; bad == nil || !strings.HasPrefix(bad.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", text, bad, want)
		}
	}
	lines := manifest.String{Value: "true &&\n  block.origin == 'usr'", Position: manifest.Position{File: "p.yaml", Line: 10, Column: 5}, Indent: 6}
	if _, bad := env.Compile(lines); bad == nil || !strings.HasPrefix(bad.Error(), "p.yaml:11:25: origin has no such word") {
		t.Errorf("on the second line: got %v", bad)
	}
}

// TestMisspeltOfServers is TestMisspelt for what only MCP has.
func TestMisspeltOfServers(t *testing.T) {
	env := newEnv(t, filters.SurfaceMCP)
	for text, want := range map[string]string{
		"mcp.method == 'tools/cal'":             `19: method has no such word: "tools/cal" (did you mean "tools/call"?)`,
		"mcp.method == 'tools/execute'":         `19: method has no such word: "tools/execute" (such as tools/call, tools/list)`,
		"'unicode_tags' in block.findings":      `5: findings has no such word: "unicode_tags" (such as hidden/unicode_tags)`,
		"mcp.call.cause.match == 'unknowns'":    `29: match has no such word: "unknowns" (did you mean "unknown"?)`,
		"response.kind in ['result', 'answer']": `33: kind has no such word: "answer" (one of result, error, notification, request)`,
	} {
		_, bad := env.Compile(at(text))
		if want = "p.yaml:10:" + want; bad == nil || bad.Error() != want {
			t.Errorf("%s\ngot  %v\nwant %s", text, bad, want)
		}
	}
}

// TestKnownWords: every word that a field can be is taken, and so is none.
func TestKnownWords(t *testing.T) {
	texts := func(expression string, words []string) (all []string) {
		for _, w := range append(words, "") {
			all = append(all, strings.ReplaceAll(expression, "?", "'"+w+"'"))
		}
		return all
	}
	for surface, expressions := range map[filters.Surface][][]string{
		filters.SurfaceLLM: {
			texts("llm.declarations.exists(d, d.kind == ?)", filters.DeclarationKinds()), texts("block.origin == ?", origins()),
			texts("? in block.findings", scan.Kinds()), texts("identity.method == ?", filters.IdentityMethods()),
			texts("llm.dialect == ?", llm.Dialects()), texts("llm.operation == ?", llm.Operations()),
		},
		filters.SurfaceMCP: {
			texts("mcp.method == ?", mcp.Methods()), texts("mcp.call.cause.match == ?", filters.CauseMatches()), texts("response.kind == ?", filters.MessageKinds()),
		},
	} {
		env := newEnv(t, surface)
		for _, all := range expressions {
			for _, text := range all {
				if _, bad := env.Compile(at(text)); bad != nil {
					t.Errorf("%s: %v", text, bad)
				}
			}
		}
	}
}

// TestOpenWords: what may be any text is compared with any, and a word is no mistake where it is not compared with a field.
func TestOpenWords(t *testing.T) {
	for surface, expressions := range map[filters.Surface][]string{
		filters.SurfaceLLM: {
			"identity.claimed.class == 'nightly'", "llm.tools.exists(t, t.type == 'x')", "block.role == 'x'", "block.media_type == 'x'",
			"llm.provider == 'x'", "response.stop_reason == 'x'", "llm.declarations.exists(d, d.name == 'scheduled')",
			"block.origin.startsWith('tool-')", "block.origin.matches('^tool-')", "block.findings.exists(f, f.startsWith('x/'))",
			"llm.declarations.exists(kind, kind.name == 'x')", "llm.blocks.exists(block, block.name == 'x')",
			"block.findings.exists(f, ['x'].exists(f, f == 'x'))", "['x'].exists(f, block.findings.exists(g, f == 'x'))",
			"'x' in llm.declarations.map(d, d.kind + '!')", "'x' in block.findings + llm.betas", "llm.declarations.map(d, d.kind).size() == 0 || 'x' in llm.betas",
			"(block.origin == 'user' ? 'x' : 'y') == 'x'", "identity.claims['origin'] == 'x'", "has(block.origin) == true",
		},
		filters.SurfaceMCP: {
			"response.method == 'x'", "mcp.protocol_version == 'x'", "mcp.arguments.kind == 'x'", "mcp.arguments['origin'] in ['x']", "mcp.labels.match == 'x'",
		},
	} {
		env := newEnv(t, surface)
		for _, text := range expressions {
			if _, bad := env.Compile(at(text)); bad != nil {
				t.Errorf("%s: %v", text, bad)
			}
		}
	}
}
