package gemini

import (
	"testing"

	"bartizan/filters"
)

const anyBody = `{"contents":[{"parts":[{"text":"a"}]}]}`

// The address decides what the provider does with the body, so all of it is read, or refused.
func TestAddress(t *testing.T) {
	tests := []struct {
		operation, path, query, header string
		model                          string // empty: refused
		stream                         bool
	}{
		{"generateContent", "/gemini/v1beta/models/gemini-3.8-flash:generateContent", "", "", "gemini-3.8-flash", false},
		{"generateContent", "/gemini/v1/models/a:generateContent", "alt=json&prettyPrint=false", "", "a", false},
		{"generateContent", "/gemini/v1/models/a:generateContent", "$alt=sse", "", "a", true},
		{"streamGenerateContent", "/gemini/v1alpha/models/learnlm_2:streamGenerateContent", "alt=sse", "", "learnlm_2", true},
		{"streamGenerateContent", "/gemini/v1/models/a:streamGenerateContent", "", "", "a", true},
		{"streamGenerateContent", "/gemini/v1/models/a:streamGenerateContent", "alt=json", "", "a", true},
		{"streamGenerateContent", "/gemini/v1/models/a:streamGenerateContent", "alt=sse&alt=json", "", "", false},
		{"streamGenerateContent", "/gemini/v1/models/a:streamGenerateContent", "alt=sse&$alt=json", "", "", false},
		{"generateContent", "/gemini/v1/models/a:generateContent", "alt=proto", "", "", false},
		{"generateContent", "/gemini/v1/models/a:generateContent", "$httpHeaders=x", "", "", false},
		{"generateContent", "/gemini/v1/models/a:generateContent", "fields=candidates", "", "", false},
		{"generateContent", "/gemini/v1/models/a:generateContent", "alt=sse;key=x", "", "", false},
		{"generateContent", "/gemini/v1/models/a:generateContent", "", "x-goog-fieldmask", "", false},
		{"generateContent", "/gemini/v1/models/a:countTokens:generateContent", "", "", "", false},
		{"generateContent", "/gemini/v1/models/a%2Fb:generateContent", "", "", "", false},
		{"generateContent", "/gemini/v1/models/..:generateContent", "", "", "", false},
		{"generateContent", "/gemini/v1/models/:generateContent", "", "", "", false},
		{"generateContent", "/gemini/v1/files", "", "", "", false},
		{"generateContent", "", "", "", "", false},
	}
	for _, tt := range tests {
		x := &filters.Exchange{
			Route:   filters.Route{Operation: tt.operation},
			Request: filters.Request{Path: tt.path, Query: tt.query, Headers: map[string]string{tt.header: "x"}},
		}
		switch err := (Codec{}).DecodeRequest(x, []byte(anyBody)); {
		case tt.model == "":
			if err == nil || filters.AsRefusal(err, "").Kind != filters.RefusedMalformed || x.LLM != nil {
				t.Errorf("%s?%s %s: %v", tt.path, tt.query, tt.header, err)
			}
		case err != nil || x.LLM.Model != tt.model || x.LLM.Stream != tt.stream:
			t.Errorf("%s?%s: %v, %+v", tt.path, tt.query, err, x.LLM)
		}
	}
}
