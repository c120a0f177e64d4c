// Package secrets masks credentials in text that is shown to people: keys of model providers and clouds, virtual keys of this gateway,
// tokens, private keys, and the values of members that are named like one.
//
// It promises to mask what has the published form of a credential, and may mask what only looks like one. It does not promise to find
// every secret: a password in a sentence has no form. The patterns are facts about formats, each with a prefix that is cheap to search.
//
// The package holds no state; its functions are safe for concurrent use.
package secrets

import (
	"regexp"

	"bartizan/filters/redact"
)

// Mask returns text with every credential replaced. It returns text itself where there is none.
func Mask(text []byte) []byte { return redact.Text(text, patterns...) }

// patterns match a credential as a whole, or as their first group.
var patterns = []*regexp.Regexp{
	regexp.MustCompile(`bz-[a-z2-7]{20,}`),                                        // virtual keys of this gateway
	regexp.MustCompile(`sk-[A-Za-z0-9_-]{16,}`),                                   // Anthropic (sk-ant-...), OpenAI, and who copied them
	regexp.MustCompile(`AIza[A-Za-z0-9_-]{30,}`),                                  // Google API keys
	regexp.MustCompile(`A(?:KIA|SIA)[A-Z0-9]{16}`),                                // AWS access key ids
	regexp.MustCompile(`gh[opsur]_[A-Za-z0-9]{30,}`),                              // GitHub tokens
	regexp.MustCompile(`github_pat_[A-Za-z0-9_]{30,}`),                            // GitHub fine-grained tokens
	regexp.MustCompile(`glpat-[A-Za-z0-9_-]{20,}`),                                // GitLab tokens
	regexp.MustCompile(`xox[abeprs]-[A-Za-z0-9-]{10,}`),                           // Slack tokens
	regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`), // JSON Web Tokens (RFC 7519)
	regexp.MustCompile(`-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[A-Za-z0-9+/=\s\\]*`),
	regexp.MustCompile(`[Bb]earer ([A-Za-z0-9._~+/=-]{8,})`), // RFC 6750
	regexp.MustCompile(`"(?:[a-zA-Z_-]*(?:[tT]oken|[sS]ecret|[pP]assword|[aA]pi_?[kK]ey)|[aA]uthorization)"\s*:\s*"((?:[^"\\]|\\.)+)"`),
}
