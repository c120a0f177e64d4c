package expr

import (
	"strings"
	"testing"

	"bartizan/filters"
)

// TestRefused: what type checks in CEL, or is CEL, and is none of ours.
func TestRefused(t *testing.T) {
	env := newEnv(t, filters.SurfaceLLM)
	for text, want := range map[string]string{
		"llm.blocks[0] == llm.blocks[1]":       "p.yaml:10:19: objects cannot be compared (compare their fields)",
		"llm.blocks == []":                     "p.yaml:10:16: objects cannot be compared (compare their fields)",
		"llm.tools[0] in llm.tools":            "p.yaml:10:18: objects cannot be compared (compare their fields)",
		"dyn(llm).modell == ''":                "p.yaml:10:8: dyn would hide misspelt fields (leave it out)",
		"bartizan.Tool{name: 'x'}.name == 'x'": "p.yaml:10:18: objects cannot be made",
		"{'a': 1}.exists(k, k == 'a')":         "p.yaml:10:20: a map that is written out has no order (write a list)",
		"'%s'.format([llm.model]) == ''":       `p.yaml:10:10: undeclared reference to 'format': "format"`,
		"llm.modell == ''":                     `p.yaml:10:9: undefined field 'modell': "modell" (did you mean "model"?)`,
		"mcp.server == ''":                     `p.yaml:10:5: undeclared reference to 'mcp': "mcp" (mcp is not available in a policy of surface llm)`,
		"identety.user == ''":                  `p.yaml:10:5: undeclared reference to 'identety': "identety" (did you mean 'identity'?)`,
		"llm.model == 3":                       `p.yaml:10:15: found no matching overload for '_==_' applied to '(string, int)': "=="`,
		"llm.model":                            `p.yaml:10:5: want a bool, found string: "llm.model" (compare it with something)`,
		"llm.model.matches('(')":               `p.yaml:10:23: invalid matches argument: "'('"`,
		"llm.model == 'a' &&":                  "p.yaml:10:24: syntax error: mismatched input '<EOF>'",
		"":                                     "p.yaml:10:5: syntax error: mismatched input '<EOF>'",
		strings.Repeat("(", 500) + strings.Repeat(")", 500): "p.yaml:10:",
		strings.Repeat("a", MaxExpression+1):                "p.yaml:10:",
		strings.Repeat("[", 500) + strings.Repeat("]", 500): "p.yaml:10:",
	} {
		_, bad := env.Compile(at(text))
		if bad == nil || !strings.HasPrefix(bad.Error(), want) {
			t.Errorf("%.40s\ngot  %v\nwant %s", text, bad, want)
		}
	}
}
