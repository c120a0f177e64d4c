package gemini

import (
	"testing"

	"bartizan/filters"
	"bartizan/filters/llm/internal/codectest"
	"bartizan/filters/redact"
)

// A notice takes the form of what it replaces.
func TestNotices(t *testing.T) {
	part := func(p string) string { return `{"contents":[{"parts":[` + p + `]}]}` }
	tests := []struct{ body, want string }{
		{part(`{"text":"bad"}`), part(`{"text":"Gone."}`)},
		{
			part(`{"function_response":{"name":"f","response":{"output":"bad","error":"fine"}}}`),
			part(`{"function_response":{"name":"f","response":{"output":"Gone.","error":"fine"}}}`),
		},
		{
			part(`{"functionResponse":{"id":"1","name":"f","response":{"rows":["bad"]}}}`),
			part(`{"functionResponse":{"id":"1","name":"f","response":{"notice":"Gone."}}}`),
		},
		{part(`{"inlineData":{"mimeType":"text/plain","data":"YmFk"}}`), part(`{"text":"Gone."}`)},
		{part(`{"inlineData":{"mimeType":"image/png","data":"YmFk"}}`), part(`{"text":"Gone."}`)},
		{
			part(`{"functionResponse":{"name":"f","parts":[{"inlineData":{"mimeType":"image/png","data":"YmFk"}}],"response":{}}}`),
			part(`{"functionResponse":{"name":"f","parts":[{"inlineData":{"mimeType":"text/plain","data":"R29uZS4="}}],"response":{}}}`),
		},
		{part(`{"functionCall":{"name":"f","args":{"a":"bad"}}}`), part(`{"functionCall":{"name":"f","args":{"notice":"Gone."}}}`)},
		{`{"contents":[{"parts":[]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":{"a":"bad"}}]}]}`, ""},
	}
	for _, tt := range tests {
		x := &filters.Exchange{Route: filters.Route{Operation: "generateContent"}, Request: filters.Request{Path: generating().Path}}
		if err := (Codec{}).DecodeRequest(x, []byte(tt.body)); err != nil {
			t.Fatal(err)
		}
		err := Codec{}.Treat(x, []byte(tt.body), []filters.Treatment{{Block: 0, Action: filters.ActionQuarantine, Notice: "Gone."}})
		if tt.want == "" {
			if err == nil || filters.AsRefusal(err, "").Kind != filters.RefusedByPolicy {
				t.Errorf("%s: %v, %v", tt.body, err, x.Edits)
			}
			continue
		}
		if got := string(redact.Apply([]byte(tt.body), x.Edits)); err != nil || got != tt.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", tt.body, err, got, tt.want)
		}
	}
}

// TestSpoken: a refusal as a message of the model. That its clients read it is tested end to end.
func TestSpoken(t *testing.T) { codectest.Spoken(t, Codec{}, "generateContent") }
