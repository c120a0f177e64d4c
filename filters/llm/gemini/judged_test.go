package gemini

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
)

// rules stands for policies: a call of rm is denied, one of quiet quarantined, keys are masked, DENY and POISON in a text that is held are
// denied and quarantined.
type rules struct{ hold bool }

var keys = []*regexp.Regexp{regexp.MustCompile(`AKIA[0-9A-Z]{4}`)}

func (r rules) Judge(_ *filters.Exchange, _ filters.AnswerStage, blocks []filters.Block) (d filters.Decision) {
	for i := range blocks {
		b := &blocks[i]
		treat := func(a filters.Action) {
			v := filters.Verdict{Policy: "p", Rule: "r", Action: a, Reason: "No."}
			d.Action, d.Deciding = a, &v
			if a < filters.ActionDeny {
				d.Treatments = append(d.Treatments, filters.Treatment{Block: i, Action: a, Masks: keys, Notice: v.Notice()})
			}
		}
		switch text := string(b.Data.Bytes()); {
		case b.Origin == filters.OriginToolCall && (b.Name == "rm" || strings.Contains(text, "rm -rf")):
			treat(filters.ActionDeny)
		case b.Origin == filters.OriginToolCall && b.Name == "quiet":
			treat(filters.ActionQuarantine)
		case r.hold && strings.Contains(text, "DENY"):
			treat(filters.ActionDeny)
		case r.hold && strings.Contains(text, "POISON"):
			treat(filters.ActionQuarantine)
		case keys[0].Match(b.Data.Bytes()):
			treat(filters.ActionRedact)
		}
	}
	return d
}

func (r rules) Expect(*filters.Exchange, *filters.Block) filters.Outlook {
	return filters.Outlook{Masks: keys, Content: true, Hold: r.hold}
}

// say is a response with parts, and more members of its one candidate.
func say(parts, more string) string {
	return `{"candidates":[{"content":{"parts":[` + parts + `],"role":"model"}` + more + `}],"modelVersion":"m"}`
}

const stop = `,"finishReason":"STOP"`

// TestJudged: what passes of the chunks of a stream, and of the same as whole answers.
func TestJudged(t *testing.T) {
	why := filters.Verdict{Policy: "p", Rule: "r", Reason: "No."}
	told := why.Refusal()
	told.DecisionID = "1"
	refused, notice := told.Text(), why.Notice()
	tests := []struct {
		name     string
		hold     bool
		in, want []string // chunks; want is nil where all passes as it came, and ends with what a cut adds
		withheld int      // calls
		denied   bool
	}{
		{name: "allowed", in: []string{say(`{"text":"a","thought":true}`, ""), say(`{"text":"b"},{"functionCall":{"name":"ls","args":{"p":"/"}},"thoughtSignature":"c2ln"}`, stop)}},
		{
			name: "refused call", withheld: 1,
			in: []string{say(`{"text":"I delete."}`, ""), say(`{"functionCall":{"name":"rm","args":{"p":"/"},"id":"1"},"thoughtSignature":"c2ln"}`, stop)},
			want: []string{
				say(`{"text":"I delete."}`, ""), say(`{"text":"`+refused+`","thoughtSignature":"c2ln"}`, stop),
			},
		},
		{
			name: "one of two calls, and one without arguments", withheld: 2,
			in:   []string{say(`{"functionCall":{"name":"rm"}},{"functionCall":{"name":"ls","args":{}}},{"functionCall":{"name":"quiet","args":{}}}`, stop)},
			want: []string{say(`{"text":"`+refused+`"},{"functionCall":{"name":"ls","args":{}}},{"text":"`+notice+`"}`, stop)},
		},
		{
			name: "call in pieces, which say it together", withheld: 1,
			in: []string{
				say(`{"text":"a"}`, ""), say(`{"function_call":{"name":"sh","will_continue":true}}`, ""),
				say(`{"function_call":{"partial_args":[{"json_path":"$.c","string_value":"rm ","will_continue":true}],"will_continue":true}}`, ""),
				say(`{"function_call":{"partial_args":[{"json_path":"$.c","string_value":"-rf /"}]}}`, stop),
			},
			want: []string{say(`{"text":"a"}`, ""), say(`{"text":"`+refused+`"}`, ""), say(`{"text":""}`, ""), say(`{"text":""}`, stop)},
		},
		{
			name: "call in pieces, none of which is the last", withheld: 1,
			in: []string{
				say(`{"functionCall":{"name":"sh","partialArgs":[{"jsonPath":"$.c","stringValue":"rm -rf"}],"willContinue":true}}`, ""),
				say(`{"functionCall":{"name":"ls","args":{}}}`, stop),
			},
			want: []string{say(`{"text":"`+refused+`"}`, ""), say(`{"functionCall":{"name":"ls","args":{}}}`, stop)},
		},
		{
			name: "call in pieces that are allowed", hold: true,
			in: []string{
				say(`{"functionCall":{"name":"sh","willContinue":true}}`, ""), say(`{"functionCall":{"partialArgs":[{"jsonPath":"$.c","stringValue":"ls"}]}}`, ""), say(``, stop),
			},
		},
		{
			name: "more than one thing in a part", withheld: 1,
			in:   []string{say(`{"text":"AKIA1234","functionCall":{"name":"rm"},"executableCode":{"code":"AKIA1234"}},{"text":"b"}`, stop)},
			want: []string{say(`{"text":"`+refused+`"},{"text":"b"}`, stop)},
		},
		{
			name: "masked arguments",
			in:   []string{say(`{"functionCall":{"name":"sh","args":{"c":"echo AKIA1234"}}}`, stop)},
			want: []string{say(`{"functionCall":{"name":"sh","args":{"c":"echo [redacted]"}}}`, stop)},
		},
		{
			name: "masked across chunks, without probabilities",
			in:   []string{say(`{"text":"key AK"}`, `,"logprobsResult":{"a":"AK"}`), say(`{"text":"IA12"},{"text":"34 end"}`, stop)},
			want: []string{say(`{"text":"key [redacted]"}`, `,"logprobsResult":null`), say(`{"text":""},{"text":" end"}`, stop)},
		},
		{
			name: "a thought is another text",
			in:   []string{say(`{"text":"AKIA","thought":true}`, ""), say(`{"text":"1234"}`, stop)},
		},
		{
			name: "grounding repeats the text",
			in:   []string{say(`{"text":"AKIA1234"}`, stop+`,"groundingMetadata":{"groundingSupports":[{"segment":{"text":"AKIA1234"}}],"webSearchQueries":["q"]}`)},
			want: []string{say(`{"text":"[redacted]"}`, stop+`,"groundingMetadata":{"groundingSupports":[{"segment":{"text":"[redacted]"}}],"webSearchQueries":["q"]}`)},
		},
		{
			name: "unknown parts",
			in:   []string{say(`{"partToCome":{"x":"AKIA1234"}},"AKIA1234"`, stop)},
			want: []string{say(`{"partToCome":{"x":"[redacted]"}},"[redacted]"`, stop)},
		},
		{
			name: "code of the provider's",
			in:   []string{say(`{"executableCode":{"code":"AKIA1234"}},{"codeExecutionResult":{"output":"AKIA1234","outcome":"OK"}}`, stop)},
			want: []string{say(`{"executableCode":{"code":"[redacted]"}},{"codeExecutionResult":{"output":"[redacted]","outcome":"OK"}}`, stop)},
		},
		{
			name: "poisoned text", hold: true,
			in:   []string{say(`{"text":"POI"}`, ""), say(`{"text":"SON","thoughtSignature":"c2ln"}`, stop)},
			want: []string{say(`{"text":"`+notice+`"}`, ""), say(`{"text":"","thoughtSignature":"c2ln"}`, stop)},
		},
		{
			name: "denied text", hold: true, denied: true,
			in:   []string{say(`{"text":"fine"},{"functionCall":{"name":"ls"}}`, ""), say(`{"text":"DENY"}`, stop)},
			want: []string{say(`{"text":"fine"},{"functionCall":{"name":"ls"}}`, ""), string(spoken(refused, "SAFETY", "m"))},
		},
		{
			name: "cut off within a call", hold: true, withheld: 1,
			in:   []string{say(`{"text":"a"}`, ""), say(`{"functionCall":{"name":"sh","willContinue":true}}`, "")},
			want: []string{say(`{"text":"a"}`, ""), say(`{"text":""}`, "")},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := []byte(events(tt.in, "\r\n"))
			if tt.want == nil {
				tt.want = tt.in
			}
			want := events(tt.want, "\r\n")
			for i := range in {
				got, x := judged(t, rules{tt.hold}, tt.denied, "text/event-stream", in[:i], in[i:])
				if got != want || withheld(x) != tt.withheld {
					t.Fatalf("cut at %d, %d withheld, passed\n%s\nwant\n%s", i, withheld(x), got, want)
				}
			}
			if len(tt.in) == 1 { // the same as a whole answer
				if got, x := judged(t, rules{tt.hold}, tt.denied, "application/json", []byte(tt.in[0])); got != tt.want[0] || withheld(x) != tt.withheld {
					t.Errorf("whole: %d withheld, passed\n%s\nwant\n%s", withheld(x), got, tt.want[0])
				}
			}
		})
	}
}

// TestTorn: what is judged of a call in pieces is all that a client could put together from its chunks.
func TestTorn(t *testing.T) {
	begin := `{"functionCall":{"name":"sh","partialArgs":[{"jsonPath":"$.c","stringValue":"rm ","willContinue":true}],"willContinue":true}}`
	rest := func(name string) string {
		return `{"functionCall":{` + name + `"partialArgs":[{"jsonPath":"$.c","stringValue":"-rf /"}]}}`
	}
	for name, parts := range map[string][]string{
		"the rest comes whole":           {`{"functionCall":{"name":"sh","willContinue":true}}`, `{"functionCall":{"args":{"c":"rm -rf"}}}`},
		"the rest has the name again":    {begin, rest(`"name":"sh",`)},
		"the name comes last":            {strings.Replace(begin, `"name":"sh",`, "", 1), rest(`"name":"sh",`)},
		"a text between":                 {begin, `{"text":"a"}`, rest("")},
		"a text between, and the name":   {begin, `{"text":"a"}`, rest(`"name":"sh",`)},
		"a call between":                 {begin, `{"functionCall":{"name":"ls","args":{}}}`, rest("")},
		"it goes on, but not by boolean": {strings.Replace(begin, `],"willContinue":true`, `],"willContinue":1`, 1), rest("")},
		"the text does":                  {strings.Replace(begin, `"rm ","willContinue":true`, `"rm ","willContinue":"true"`, 1), rest("")},
		"the rest has no begin":          {rest("")},
	} {
		var chunks []string
		for _, part := range parts {
			chunks = append(chunks, say(part, ""))
		}
		for _, judge := range []filters.AnswerJudge{rules{}, nil} {
			x := &filters.Exchange{Response: filters.Response{Status: 200, MediaType: "text/event-stream"}}
			r, err := Codec{}.Response(x, judge)
			if err != nil {
				t.Fatal(err)
			}
			out, err := r.Write([]byte(events(chunks, "\n")))
			if err == nil {
				_, err = r.Close()
			}
			if passed := bytes.Contains(out, []byte("-rf")); passed == (judge != nil) || judge == nil && err != nil {
				t.Errorf("%s, judged %t: error %v, passed\n%s", name, judge != nil, err, out)
			}
		}
	}
}

// TestManyCandidates: what calls in pieces take is bounded for all candidates together.
func TestManyCandidates(t *testing.T) {
	r := reading{x: new(filters.Exchange), taken: taken{most: maxPieces}}
	path := "$" + strings.Repeat(".a", maxSteps-1)
	for i := range 64 {
		one := said{candidate: int64(i), flow: running, part: answer.Part{Sealed: true}, isCall: true, call: filters.ToolCall{Name: "sh"}}
		one.pieces = []byte(`[`)
		for n := range maxValues / 32 {
			one.pieces = fmt.Appendf(one.pieces, `{"jsonPath":"%s.n%d","numberValue":1},`, path, n)
		}
		one.pieces = append(one.pieces[:len(one.pieces)-1], ']')
		if err := r.place(&one, &answer.Event{Judged: true}); err != nil {
			return
		}
	}
	t.Errorf("%d values are kept", r.taken.values)
}

// TestLargePieces: where nobody judges, a call in pieces passes in any size, and takes little memory.
func TestLargePieces(t *testing.T) {
	call := `{"functionCall":{"name":"sh","partialArgs":[{"jsonPath":"$.c","stringValue":"` + strings.Repeat("a", maxUnjudged) + `"}]}}`
	for _, judge := range []filters.AnswerJudge{rules{}, nil} {
		x := &filters.Exchange{Response: filters.Response{Status: 200, MediaType: "application/json"}}
		r, err := Codec{}.Response(x, judge)
		if err == nil {
			_, err = r.Write([]byte(say(call, stop)))
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err = r.Close(); err != nil || (x.Response.ToolCalls[0].Arguments == filters.Digest{}) != (judge == nil) {
			t.Errorf("judged %t: error %v, %+v", judge != nil, err, x.Response.ToolCalls)
		}
	}
}

// TestUnclear: a call that two clients could take for two calls does not pass where rules look; where none does, nothing is held against it.
func TestUnclear(t *testing.T) {
	for _, call := range []string{
		`{"functionCall":{"name":"sh","args":{"c":"rm -rf"},"partialArgs":[]}}`,
		`{"functionCall":{"name":"sh","args":{"c":"rm -rf"},"willContinue":true}}`,
		`{"functionCall":{"name":"sh","partialArgs":[{"jsonPath":"$..c","stringValue":"rm"}]}}`,
		`{"functionCall":{"name":"sh","partialArgs":[{"jsonPath":"$.c","stringValue":"a"},{"jsonPath":"$.c","stringValue":"rm -rf"}]}}`,
		`{"functionCall":{"name":"sh","partialArgs":[{"jsonPath":"$.c","stringValue":"AKIA1234"}]}}`, // what is masked has no place
	} {
		body := []byte(say(call, stop))
		for _, judge := range []filters.AnswerJudge{rules{}, nil} {
			r, err := Codec{}.Response(&filters.Exchange{Response: filters.Response{Status: 200, MediaType: "application/json"}}, judge)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = r.Write(body); err == nil {
				_, err = r.Close()
			}
			if (err == nil) != (judge == nil) {
				t.Errorf("%s, judged %t: error %v", call, judge != nil, err)
			}
		}
	}
}

func events(chunks []string, end string) string {
	var b strings.Builder
	for _, c := range chunks {
		b.WriteString("data: " + c + end + end)
	}
	return b.String()
}

func withheld(x *filters.Exchange) (n int) {
	for _, c := range x.Response.ToolCalls {
		if c.Withheld {
			n++
		}
	}
	return n
}

// judged reads an answer in chunks and returns what passes of it, its end included where it is denied.
func judged(t *testing.T, judge filters.AnswerJudge, denied bool, mediaType string, chunks ...[]byte) (string, *filters.Exchange) {
	t.Helper()
	x := &filters.Exchange{ID: "1", Route: filters.Route{Operation: "generateContent"}, Response: filters.Response{Status: 200, MediaType: mediaType}}
	r, err := Codec{}.Response(x, judge)
	if err != nil {
		t.Fatal(err)
	}
	var passed, out []byte
	for _, c := range chunks {
		if err == nil {
			out, err = r.Write(bytes.Clone(c))
			passed = append(passed, out...)
		}
	}
	if err == nil {
		out, err = r.Close()
		passed = append(passed, out...)
	}
	var why *filters.DeniedError
	if errors.As(err, &why) != denied || err != nil && !denied {
		t.Fatalf("error %v", err)
	}
	if denied {
		passed = append(passed, r.Cut(filters.AsRefusal(err, "1"))...)
	}
	return string(passed), x
}
