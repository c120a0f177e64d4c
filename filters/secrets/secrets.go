// Package secrets finds credentials, and masks them in text that is shown to people: keys of model providers and clouds, virtual keys of this gateway,
// tokens, private keys, and the values of members that are named like one.
//
// It promises to mask what has the published form of a credential, and may mask what only looks like one. It does not promise to find
// every secret: a password in a sentence has no form. The patterns are facts about formats, each with a prefix that is cheap to search.
//
// The package holds no state; its functions are safe for concurrent use.
package secrets

import (
	"bytes"
	"regexp"
	"strings"

	"bartizan/filters"
	"bartizan/filters/redact"
)

// Detector is the name in findings.
const Detector = "secrets"

// MaxFindings is how many findings are reported of one text.
const MaxFindings = 32

// Mask returns text with every credential replaced. It returns text itself where there is none.
func Mask(text []byte) []byte { return redact.Text(text, masks...) }

// Find looks through a text for what has the form of a credential, whatever is written around it. The findings are in the order of
// their kinds.
func Find(text []byte) []filters.Finding {
	var found []filters.Finding
	looks := 0
	for i := range forms {
		f := &forms[i]
		for _, prefix := range f.prefixes {
			for at := bytes.Index(text, []byte(prefix)); at >= 0 && len(found) < MaxFindings; {
				if looks++; looks > maxLooks {
					return append(found, filters.Finding{Detector: Detector, Kind: Unscanned, End: len(text), Severity: filters.SeverityHigh})
				}
				end := at + len(prefix)
				if m := f.here.FindIndex(text[at:min(len(text), at+window)]); m != nil {
					end = at + m[1]
					found = append(found, filters.Finding{Detector: Detector, Kind: f.kind, Start: at, End: end, Severity: filters.SeverityHigh})
				}
				next := bytes.Index(text[end:], []byte(prefix))
				if next < 0 {
					break
				}
				at = end + next
			}
		}
	}
	return found
}

// Unscanned is the kind of the finding that says that a text holds so much that looks like a credential that it was not looked at to
// its end.
const Unscanned = "unscanned"

// window is how much of a credential is read, in bytes, and maxLooks how often one is looked for in a text.
const (
	window   = 256
	maxLooks = 4000
)

// form is a credential that is told by its own form.
type form struct {
	kind     string
	prefixes []string       // each has one of them
	re, here *regexp.Regexp // anywhere, and at the beginning of a text
}

func newForm(kind, prefixes, rest string) form {
	all := strings.Split(prefixes, " ")
	source := "(?:" + strings.Join(all, "|") + ")" + rest
	return form{kind, all, regexp.MustCompile(source), regexp.MustCompile("^" + source)}
}

var forms = []form{
	newForm("virtual_key", "bz-", `[a-z2-7]{20,}`),                                          // virtual keys of this gateway
	newForm("api_key", "sk-", `[A-Za-z0-9_-]{16,}`),                                         // Anthropic (sk-ant-...), OpenAI, and who copied them
	newForm("google_key", "AIza", `[A-Za-z0-9_-]{30,}`),                                     // Google API keys
	newForm("aws_key_id", "AKIA ASIA", `[A-Z0-9]{16}`),                                      // AWS access key ids
	newForm("github_token", "gho_ ghp_ ghs_ ghu_ ghr_ github_pat_", `[A-Za-z0-9_]{30,}`),    // GitHub tokens, fine-grained ones too
	newForm("gitlab_token", "glpat-", `[A-Za-z0-9_-]{20,}`),                                 // GitLab tokens
	newForm("slack_token", "xoxa- xoxb- xoxe- xoxp- xoxr- xoxs-", `[A-Za-z0-9-]{10,}`),      // Slack tokens
	newForm("jwt", "eyJ", `[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`),           // JSON Web Tokens (RFC 7519)
	newForm("private_key", "-----BEGIN", `[A-Z ]{0,20}PRIVATE KEY-----[A-Za-z0-9+/=\s\\]*`), // PEM (RFC 7468)
}

// Kinds are all kinds of findings.
func Kinds() []string {
	kinds := []string{Unscanned}
	for _, f := range forms {
		kinds = append(kinds, f.kind)
	}
	return kinds
}

// masks match a credential as a whole, or as their first group: the forms, and what is a credential by what stands before it.
var masks = func() []*regexp.Regexp {
	var all []*regexp.Regexp
	for _, f := range forms {
		all = append(all, f.re)
	}
	return append(all,
		regexp.MustCompile(`[Bb]earer ([A-Za-z0-9._~+/=-]{8,})`), // RFC 6750
		regexp.MustCompile(`"(?:[a-zA-Z_-]*(?:[tT]oken|[sS]ecret|[pP]assword|[aA]pi_?[kK]ey)|[aA]uthorization)"\s*:\s*"((?:[^"\\]|\\.)+)"`))
}()
