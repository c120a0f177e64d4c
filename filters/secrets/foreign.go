package secrets

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// foreign are the forms of what providers of models give out, the more special first.
var foreign = []struct {
	form *regexp.Regexp
	what string
}{
	{regexp.MustCompile(`^sk-ant-oat`), "the token of a Claude login"},
	{regexp.MustCompile(`^sk-ant-`), "a key of Anthropic"},
	{regexp.MustCompile(`^sk-or-`), "a key of OpenRouter"},
	{regexp.MustCompile(`^sk-`), "a key of OpenAI"},
	{regexp.MustCompile(`^AIza`), "a key of Google"},
	{regexp.MustCompile(`^ya29\.`), "the token of a Google login"},
	{regexp.MustCompile(`^(ABSK|bedrock-api-key-)`), "a key of Amazon Bedrock"},
	{regexp.MustCompile(`^(gsk_|xai-|hf_|pplx-)`), "the key of a model provider"},
}

// Foreign says what a key is, in words for a person, where it has the form of what a provider of models gives out.
func Foreign(key string) (what string, is bool) {
	for _, f := range foreign {
		if f.form.MatchString(key) {
			return f.what, true
		}
	}
	return "", false
}

// queryKeys are the parameters in which APIs of providers take keys and tokens, in lower case, and without the $ that Google takes before them.
var queryKeys = []string{
	"key", "api_key", "apikey", "api-key", "x-api-key", "x-goog-api-key", "access_token", "oauth_token", "bearer_token", "token", "authorization",
	"x-amz-security-token", "x-amz-signature",
}

// InQuery finds a parameter of a URL's query that may carry a key, whatever it carries.
func InQuery(query string) (name string, found bool) {
	return inQuery(query, func(name string) bool { return slices.Contains(queryKeys, strings.TrimPrefix(name, "$")) })
}

// Overriding finds a parameter that has an API carry out another method, or read other headers, keys among them, than those that came.
func Overriding(query string) (name string, found bool) {
	return inQuery(query, func(name string) bool {
		return strings.HasPrefix(name, "$http") || name == "_method" || strings.HasPrefix(name, "x-http-method")
	})
}

// inQuery finds a parameter by its name in lower case.
func inQuery(query string, is func(name string) bool) (name string, found bool) {
	for pair := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if name = strings.ToLower(name); is(name) {
			return name, true
		}
	}
	return "", false
}
