package injection

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"

	"bartizan/filters"
)

// Detector is the name in findings.
const Detector = "injection"

// The kinds of findings.
const (
	Override   = "override"       // what was said before is to be ignored
	Conceal    = "concealment"    // something is to be kept from the user
	RoleMarkup = "role_markup"    // marks that templates of models give roles with
	Emphasis   = "markup"         // a block in markup that only a model reads as more than text
	Secrets    = "sensitive_path" // a file of credentials is to be read
	Identity   = "identity"       // the model is to be somebody else
	Unscanned  = "unscanned"      // the text has so many words of rules that it was not looked at to its end
)

// MaxFindings is how many findings are reported of one text.
const MaxFindings = 32

// window is how far around an anchor a rule looks, in bytes, and maxWindows how often in one text.
const (
	window     = 160
	maxWindows = 4000
)

// rule is one expression, looked for only around its anchors: words of which each match contains one. Where others are named as well,
// each match also contains one of these.
type rule struct {
	kind     string
	severity filters.Severity
	anchors  []string
	others   []string
	source   string // of the expression; the text that it sees is in lower case, as all words here
}

const (
	forget  = `(ignore|disregard|forget)`
	earlier = `(previous|prior|above|earlier|preceding|existing|other|all|system|developer|safety)`
	orders  = `(instructions?|prompts?|directives?|guidelines?|rules?)`
	tell    = `(tell|inform|notify|mention|reveal|disclose|alert|warn|let)`
	telling = `(telling|informing|notifying|mentioning|revealing|disclosing|alerting|warning|letting)`
	negated = `(do not|don't|never|must not|mustn't|should not|shouldn't|avoid|not)`
	reading = `(read|cat|open|load|fetch|include|append|attach|pass|send|provide|upload|content|contents)`
	private = `(~/\.ssh\b|\.ssh/|\bid_(rsa|ed25519|ecdsa)\b|\.aws/credentials|\.cursor/mcp\.json|claude_desktop_config\.json|/etc/shadow\b|\.netrc\b|\.kube/config|\.config/gcloud)`
)

func rules() []rule {
	return []rule{
		{
			Override, filters.SeverityHigh, strings.Fields("ignore disregard forget"), strings.Fields("instruction prompt directive guideline rule"),
			`\b` + forget + `\s+(all\s+|any\s+|the\s+|your\s+|of\s+|these\s+|those\s+)*` + earlier + `\s+([a-z]+\s+){0,2}` + orders + `\b`,
		},
		{
			Conceal, filters.SeverityHigh,
			[]string{"the user", "the human", "the person"},
			strings.Fields("not n't never without hide conceal keep avoid"),
			`\b(` + negated + `\s+(ever\s+)?` + tell + `|without\s+(ever\s+)?` + telling + `|(hide|conceal|keep)\s+(this|it|that)(\s+(hidden|secret))?\s+from)` +
				`\s+(this\s+|it\s+|that\s+|about\s+|anything\s+|to\s+|any\s+of\s+){0,3}the\s+(user|human|person)\b`,
		},
		{
			RoleMarkup, filters.SeverityHigh, strings.Fields("<| [inst] <<sys>>"), nil,
			`<\|(im_start|im_end|system|user|assistant|endoftext|start_header_id|end_header_id|eot_id)\|>|\[inst\]|<<sys>>`,
		},
		{
			Emphasis, filters.SeverityHigh, strings.Fields("<important <system <secret <instruction <hidden <admin </important </system </secret </instruction </hidden </admin"), nil,
			`</?(important|system|system-prompt|system_prompt|system-reminder|secret|instructions?|hidden|admin)>`,
		},
		{
			Secrets, filters.SeverityHigh, strings.Fields(".ssh id_rsa id_ed25519 id_ecdsa .aws/ mcp.json _config.json /etc/shadow .netrc .kube/ /gcloud"), nil,
			`\b` + reading + `\b[^\n]{0,100}` + private,
		},
		{
			Identity, filters.SeverityMedium,
			[]string{"you are now", "new instructions", "new system prompt", "your real task"},
			nil,
			`\byou are now (a|an|in|the)\b|\b(your|these are( the| your)?|here are( the| your)?) new (instructions|system prompt)|\byour real task\b`,
		},
	}
}

// compiled is a rule, ready to look.
type compiled struct {
	rule
	re            *regexp.Regexp
	words, needed [][]byte
}

// Kinds are all kinds of findings.
func Kinds() []string {
	kinds := []string{Unscanned}
	for _, r := range rules() {
		kinds = append(kinds, r.kind)
	}
	return kinds
}

// all is compiled with the first text.
var all = sync.OnceValue(func() []compiled {
	var out []compiled
	for _, r := range rules() {
		out = append(out, compiled{r, regexp.MustCompile(r.source), raw(r.anchors), raw(r.others)})
	}
	return out
})

func raw(words []string) [][]byte {
	out := make([][]byte, len(words))
	for i, w := range words {
		out[i] = []byte(w)
	}
	return out
}

// Find looks through a text. Findings come in the order of the text.
func Find(text []byte) []filters.Finding {
	s := search{low: lower(text)}
	for _, c := range all() {
		s.first = len(s.found)
		for _, word := range c.words {
			s.around(&c, word)
		}
	}
	if s.looks > maxWindows {
		s.found = append(s.found, filters.Finding{Detector: Detector, Kind: Unscanned, End: len(text), Severity: filters.SeverityHigh})
	}
	slices.SortFunc(s.found, func(a, b filters.Finding) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Kind, b.Kind))
	})
	return s.found[:min(len(s.found), MaxFindings)]
}

// lower maps A to Z, so that offsets stay those of the text.
func lower(text []byte) []byte {
	out := make([]byte, len(text))
	for i, c := range text {
		if c-'A' < 26 {
			c += 'a' - 'A'
		}
		out[i] = c
	}
	return out
}

type search struct {
	low   []byte
	found []filters.Finding
	first int // of the rule that looks
	looks int // windows so far
}

// around looks for the rule wherever the word is.
func (s *search) around(c *compiled, word []byte) {
	done := 0 // windows cover all up to here
	for from := 0; s.looks <= maxWindows; {
		i := bytes.Index(s.low[from:], word)
		if i < 0 {
			return
		}
		i += from
		from = i + len(word)
		if from <= done {
			continue
		}
		start, end := max(0, i-window), min(len(s.low), from+2*window)
		done = from + window // what is less than a window before the end is seen again with what follows
		if seen := s.low[start:end]; len(c.needed) == 0 || containsAny(seen, c.needed) {
			s.looks++
			for _, m := range c.re.FindAllIndex(seen, MaxFindings) {
				s.add(c, start+m[0], start+m[1])
			}
		}
	}
}

func containsAny(text []byte, words [][]byte) bool {
	return slices.ContainsFunc(words, func(w []byte) bool { return bytes.Contains(text, w) })
}

// add leaves out what another window of the rule has shown already.
func (s *search) add(c *compiled, start, end int) {
	for _, f := range s.found[s.first:] {
		if start < f.End && f.Start < end {
			return
		}
	}
	if len(s.found)-s.first < MaxFindings {
		s.found = append(s.found, filters.Finding{Detector: Detector, Kind: c.kind, Start: start, End: end, Severity: c.severity})
	}
}
