package responses

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bartizan/filters"
	"bartizan/filters/sse"
)

// TestClients holds what each client gets: Codex shows the message of an answer that failed alone and after one try, but tries a 451 six
// times; the SDKs raise a 451 at once.
func TestClients(t *testing.T) {
	const codex = "codex_exec/0.169.0 (Debian 12.0.0; x86_64)"
	policy := filters.Refusal{Kind: filters.RefusedByPolicy, Message: "Finance has \"read-only\" access.", Policy: "finance", Rule: "no-writes", DecisionID: "0192"}
	told := policy
	told.AsMessage = true
	var b strings.Builder
	for _, c := range []struct {
		name, agent, operation string
		stream                 bool
		why                    filters.Refusal
	}{
		{"Codex", codex, "responses", true, policy},
		{"Codex, not streamed", codex, "responses", false, policy},
		{"Codex, to be tried again", codex, "responses", true, filters.Refusal{Kind: filters.RefusedOverloaded, Message: "There is no room.", DecisionID: "0192"}},
		{"SDK", "OpenAI/Go 3.96.0", "responses", true, policy},
		{"as a message, streamed", codex, "responses", true, told},
		{"as a message", "OpenAI/Go 3.96.0", "responses", false, told},
		{"as a message to who counts tokens", codex, "responses.input_tokens", false, told},
	} {
		x := &filters.Exchange{
			Route: filters.Route{Operation: c.operation}, Request: filters.Request{UserAgent: c.agent, Time: time.Unix(1764000000, 0)},
			LLM: &filters.LLM{Model: "gpt-5.5", Stream: c.stream},
		}
		r := Codec{}.Refuse(x, c.why)
		fmt.Fprintf(&b, "== %s\n%d\n", c.name, r.Status)
		for _, h := range r.Headers {
			fmt.Fprintf(&b, "%s: %s\n", h.Name, h.Value)
		}
		fmt.Fprintf(&b, "\n%s\n", r.Body)
	}
	const file = "testdata/clients.golden"
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Error(diff)
	}
}

// TestUnread: Codex asks for a stream in a header too, and is answered in one where its body was not read; whoever does not ask gets an
// error.
func TestUnread(t *testing.T) {
	for accept, want := range map[string]int{"text/event-stream": 200, "application/json": 413} {
		x := &filters.Exchange{Request: filters.Request{Headers: map[string]string{"originator": "codex_vscode", "accept": accept}}}
		r := Codec{}.Refuse(x, filters.Refusal{Kind: filters.RefusedTooLarge, Message: "too large"})
		if r.Status != want {
			t.Errorf("accept %s: %d, want %d", accept, r.Status, want)
		}
	}
}

// TestCutGoesOn: the event that ends a stream has the response's id and the next sequence number.
func TestCutGoesOn(t *testing.T) {
	x := &filters.Exchange{Response: filters.Response{Status: 200, MediaType: "text/event-stream"}}
	r, err := Codec{}.Response(x, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Write([]byte("data: {\"type\":\"response.created\",\"sequence_number\":41,\"response\":{\"id\":\"resp_7\"}}\n\n")); err != nil {
		t.Fatal(err)
	}
	var events sse.Reader
	for e := range events.Feed(bytes.Clone(r.Cut(filters.Refusal{Kind: filters.RefusedByPolicy, DecisionID: "d"}))) {
		var got struct {
			Type           string
			SequenceNumber int `json:"sequence_number"`
			Response       struct {
				ID, Status string
				Error      struct{ Code, Message string }
			}
		}
		if err := json.Unmarshal(e.Data, &got); err != nil || got.Type != "response.failed" || got.SequenceNumber != 42 ||
			got.Response.ID != "resp_7" || got.Response.Status != "failed" || got.Response.Error.Code != "invalid_prompt" {
			t.Errorf("%s, %v", e.Data, err)
		}
	}
}
