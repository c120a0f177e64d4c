package codectest

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bartizan/filters"

	"github.com/google/go-cmp/cmp"
)

// verdict of a test judge about one block.
type verdict func(j *judge, b *filters.Block) (filters.Action, []*regexp.Regexp)

// judge decides about answers by a fixed idea, and notes what it was asked.
type judge struct {
	about   verdict
	ends    filters.Action // about the end of the answer
	told    bool           // denied is told as a message of the model
	outlook filters.Outlook
	calls   int // asked about so far
	asked   []string
}

// word is what the judge that masks looks for: words, which the pieces of an answer cut anywhere.
var word = regexp.MustCompile(`(?i)\b[c-q]\w+\b`)

// judges are all kinds of decisions that a reader must carry out.
func judges() map[string]func() *judge {
	calls := func(action filters.Action) verdict {
		return func(_ *judge, b *filters.Block) (filters.Action, []*regexp.Regexp) {
			if b.Origin == filters.OriginToolCall {
				return action, nil
			}
			return filters.ActionAllow, nil
		}
	}
	text := func(action filters.Action) verdict {
		return func(_ *judge, b *filters.Block) (filters.Action, []*regexp.Regexp) {
			if b.Origin == filters.OriginAssistant && b.MediaType == "text/plain" && b.Data.Len() > 0 {
				return action, nil
			}
			return filters.ActionAllow, nil
		}
	}
	of := func(about verdict, o filters.Outlook) func() *judge {
		return func() *judge { return &judge{about: about, outlook: o} }
	}
	masks := func(*judge, *filters.Block) (filters.Action, []*regexp.Regexp) {
		return filters.ActionRedact, []*regexp.Regexp{word}
	}
	told := func(about verdict, ends filters.Action, o filters.Outlook) func() *judge {
		return func() *judge { return &judge{about: about, ends: ends, told: true, outlook: o} }
	}
	return map[string]func() *judge{
		"texts are told":          told(text(filters.ActionDeny), filters.ActionAllow, filters.Outlook{Content: true}),
		"held texts are told":     told(text(filters.ActionDeny), filters.ActionAllow, filters.Outlook{Hold: true, Content: true}),
		"the end is told":         told(calls(filters.ActionDeny), filters.ActionDeny, filters.Outlook{}),
		"nothing is denied":       of(calls(filters.ActionAllow), filters.Outlook{}),
		"calls are denied":        of(calls(filters.ActionDeny), filters.Outlook{}),
		"calls are quarantined":   of(calls(filters.ActionQuarantine), filters.Outlook{}),
		"the first call is":       of(firstCall, filters.Outlook{}),
		"words are masked":        of(masks, filters.Outlook{Masks: []*regexp.Regexp{word}, Content: true}),
		"held words are masked":   of(masks, filters.Outlook{Hold: true, Content: true}),
		"held texts are removed":  of(text(filters.ActionQuarantine), filters.Outlook{Hold: true, Content: true}),
		"texts are denied":        of(text(filters.ActionDeny), filters.Outlook{Content: true}),
		"texts are denied, known": of(text(filters.ActionDeny), filters.Outlook{Deny: &filters.Verdict{Policy: "p", Rule: "r", Action: filters.ActionDeny, Reason: "No."}}),
	}
}

func firstCall(j *judge, b *filters.Block) (filters.Action, []*regexp.Regexp) {
	if b.Origin != filters.OriginToolCall {
		return filters.ActionAllow, nil
	}
	if j.calls++; j.calls > 1 {
		return filters.ActionAllow, nil
	}
	return filters.ActionDeny, nil
}

func (j *judge) Judge(_ *filters.Exchange, stage filters.AnswerStage, blocks []filters.Block) filters.Decision {
	var action filters.Action
	var masks []*regexp.Regexp
	switch stage {
	case filters.AnswerBegins:
		j.asked = append(j.asked, "begin")
	case filters.AnswerEnds:
		j.asked = append(j.asked, "end")
		action = j.ends
	default:
		b := &blocks[0]
		j.asked = append(j.asked, fmt.Sprintf("%s %s %s %s %s %q", b.Origin, b.MediaType, b.Pointer, b.Name, b.CallID, b.Data.Bytes()))
		action, masks = j.about(j, b)
	}
	d := filters.Decision{Action: action, Deciding: &filters.Verdict{Policy: "p", Rule: "r", Action: action, Reason: "No.", Message: j.told}}
	if action == filters.ActionRedact || action == filters.ActionQuarantine {
		d.Treatments = []filters.Treatment{{Action: action, Masks: masks, Notice: d.Deciding.Notice()}}
	}
	return d
}

func (j *judge) Expect(_ *filters.Exchange, b *filters.Block) filters.Outlook {
	if j.outlook.Deny != nil && (b.Origin != filters.OriginAssistant || b.MediaType != "text/plain") {
		return filters.Outlook{}
	}
	return j.outlook
}

// judged reads every answer under every judge, cut everywhere: what passes and what is asked does not depend on the cuts, and is well
// formed by a check that knows nothing of the gate.
func (s Suite) judged(t *testing.T) {
	var b strings.Builder
	all := s.samples(t, "answers")
	for _, file := range slices.Sorted(maps.Keys(all)) {
		body := all[file]
		if x := s.open(t, file); x.Response.Status != 200 || filepath.Ext(file) == ".txt" {
			continue
		}
		names := slices.Sorted(maps.Keys(judges()))
		for n, name := range names {
			t.Run(filepath.Base(file)+" "+name, func(t *testing.T) {
				whole := s.under(t, file, name, body)
				s.describeJudged(&b, filepath.Base(file)+": "+name, whole, body)
				for i := n; i < len(body); i += len(names) { // among all judges, everywhere
					if diff := unlike(whole, s.under(t, file, name, body[:i], body[i:])); diff != "" {
						t.Fatalf("cut at %d: %s", i, diff)
					}
				}
				if diff := unlike(whole, s.under(t, file, name, bytes.SplitAfter(body, nil)...)); diff != "" {
					t.Fatalf("byte by byte: %s", diff)
				}
				broken := whole.Error != "" && (strings.HasPrefix(filepath.Base(file), "refused-") || filepath.Ext(file) == ".frames")
				if whole.Told && s.Check != nil {
					broken = s.Check(body) != nil // it came so
				}
				if s.Check != nil && whole.Passed != string(body) && !broken {
					if err := s.Check([]byte(whole.Passed + whole.Cut)); err != nil {
						t.Errorf("%v in what passed:\n%s", err, whole.Passed+whole.Cut)
					}
				}
			})
		}
	}
	golden(t, s.path("judged.golden"), []byte(b.String()))
}

// unlike says how two judgements differ. It spares cmp, which is slow, where they do not.
func unlike(a, b judgement) string {
	if reflect.DeepEqual(a, b) {
		return ""
	}
	return cmp.Diff(a, b)
}

// judgement is what came of an answer under a judge.
type judgement struct {
	Asked    []string
	Passed   string
	Error    string
	Cut      string // with an Error: what ends the answer
	Told     bool   // as a message of the model
	Response filters.Response
}

func (s Suite) under(t testing.TB, file, name string, chunks ...[]byte) judgement {
	j, x := judges()[name](), s.open(t, file)
	x.ID, x.LLM = "id", &filters.LLM{Model: "m", Stream: true}
	a, passed, r := follow(s.Codec, x, j, chunks...)
	out := judgement{Asked: j.asked, Passed: string(passed), Response: a.Response}
	if a.Error != nil {
		out.Error = a.Error.Error()
		if r != nil {
			why := filters.AsRefusal(a.Error, x.ID)
			out.Told = why.AsMessage && len(passed) > 0 // else it is a whole refusal
			out.Cut = string(r.Cut(why))
		}
	}
	return out
}

func (s Suite) describeJudged(b *strings.Builder, title string, j judgement, body []byte) {
	fmt.Fprintf(b, "== %s\n", title)
	if strings.HasSuffix(title, "nothing is denied") {
		fmt.Fprintf(b, "%s\n", strings.Join(j.Asked, "\n"))
	}
	for _, c := range j.Response.ToolCalls {
		if c.Withheld {
			fmt.Fprintf(b, "withheld %s %s\n", c.Name, c.ID)
		}
	}
	if j.Error != "" {
		fmt.Fprintf(b, "error: %s\n", j.Error)
	}
	switch passed := describe([]byte(j.Passed), body); passed {
	case "something else":
		file, _, _ := strings.Cut(title, ":")
		fmt.Fprintf(b, "passed:\n%s\n", readable(filepath.Ext(file), []byte(j.Passed)))
	default:
		fmt.Fprintf(b, "passed: %s\n", passed)
	}
	if j.Told {
		file, _, _ := strings.Cut(title, ":")
		fmt.Fprintf(b, "told:\n%s\n", readable(filepath.Ext(file), []byte(j.Cut)))
	}
}
