package answer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"bartizan/filters"
	"bartizan/filters/strictjson"
)

// spoken is a dialect of a few words: each event says one thing of one part, or why the answer stops.
type spoken struct {
	dialect
	x *filters.Exchange
}

type said struct {
	Part, Place              int64
	Stop                     string
	Begin                    string // text, call, fixed
	Say                      *string
	End, Again, Ping, Failed bool
}

func (w spoken) ReadEvent(d *strictjson.Decoder, e *Event) error {
	d.Skip()
	var s said
	if err := json.Unmarshal(e.Data, &s); err != nil {
		return d.End()
	}
	e.Quiet, e.Last, e.Taken = s.Ping, s.Failed, s.Place
	Replace(&w.x.Response.StopReason, s.Stop)
	if s.Ping || s.Failed || s.Stop != "" {
		return d.End()
	}
	p := Piece{Key: Key{Part: s.Part}, Close: s.End, Repeat: s.Again}
	if s.Begin != "" {
		kind := map[string]Kind{"text": Text, "call": Call, "fixed": Fixed}[s.Begin]
		p.Begin = &Part{Kind: kind, Call: -1, Block: filters.Block{Origin: filters.OriginAssistant, MediaType: "text/plain", Name: s.Begin}}
	}
	if s.Say != nil {
		p.Start = bytes.Index(e.Data, []byte(`"say":`)) + len(`"say":`)
		p.End = p.Start + len(Quote(*s.Say))
	}
	e.Add(p)
	return d.End()
}

func (spoken) WriteEvent(dst []byte, e *Event) []byte {
	for _, p := range e.Pieces {
		dst = fmt.Appendf(dst, "%d %s|", p.Fate, p.Text)
	}
	return dst
}

// CutEvent says what a dialect goes by.
func (spoken) CutEvent(why filters.Refusal, p *Passed) []byte {
	return fmt.Appendf(nil, "as message: %t, begun: %t, open: %v, next: %d", why.AsMessage, p.Begun, p.Open(0), p.Next)
}

// watch is a judge that holds or masks by what it is given, denies what says "no" and masks what says "maybe".
type watch struct{ filters.Outlook }

func (w watch) Expect(*filters.Exchange, *filters.Block) filters.Outlook { return w.Outlook }

func (w watch) Judge(_ *filters.Exchange, _ filters.AnswerStage, blocks []filters.Block) filters.Decision {
	for _, b := range blocks {
		if bytes.Contains(b.Data.Bytes(), []byte("no")) {
			return filters.Decision{Action: filters.ActionDeny, Deciding: &filters.Verdict{Action: filters.ActionDeny, Reason: "No."}}
		}
	}
	if len(blocks) > 0 && bytes.Contains(blocks[0].Data.Bytes(), []byte("maybe")) {
		return filters.Decision{
			Action: filters.ActionRedact, Deciding: &filters.Verdict{Action: filters.ActionRedact},
			Treatments: []filters.Treatment{{Action: filters.ActionRedact, Masks: []*regexp.Regexp{maybe}}},
		}
	}
	return filters.Decision{}
}

var maybe = regexp.MustCompile("maybe")

func speak(o filters.Outlook) *stream {
	x := &filters.Exchange{LLM: &filters.LLM{}, Response: filters.Response{Status: 200, MediaType: "text/event-stream"}}
	r, _ := New(x, watch{o}, spoken{x: x})
	return r.(*stream)
}

// TestOrder: what passes when. Each word is an event; what passes with it stands behind.
func TestOrder(t *testing.T) {
	text, call, more, end := `{"begin":"text","say":"a"}`, `{"part":1,"begin":"call","say":"x"}`, `{"say":"b"}`, `{"part":1,"end":true}`
	ping, failed := `{"ping":true}`, `{"failed":true}`
	for name, c := range map[string]struct {
		outlook filters.Outlook
		events  []string
		passed  string // the number of events that have passed after each
	}{
		"text flows":                {filters.Outlook{Content: true}, []string{text, more, ping}, "1 2 3"},
		"a call waits for its end":  {filters.Outlook{}, []string{call, end}, "0 2"},
		"text waits behind a call":  {filters.Outlook{}, []string{text, call, more, ping, end}, "1 1 1 2 5"},
		"a text that may be denied": {filters.Outlook{Hold: true, Content: true}, []string{text, more, ping, `{"end":true}`}, "0 0 1 4"},
		"an error ends all":         {filters.Outlook{}, []string{text, call, failed}, "1 1 2"},
		"a comment waits for none":  {filters.Outlook{}, []string{call, "", end}, "0 1 3"},
	} {
		s := speak(c.outlook)
		var passed []string
		n := 0
		for _, e := range c.events {
			raw := "data: " + e + "\n\n"
			if e == "" {
				raw = ": comment\n\n"
			}
			out, err := s.Write([]byte(raw))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			n += strings.Count(string(out), "\n\n")
			passed = append(passed, fmt.Sprint(n))
		}
		if got := strings.Join(passed, " "); got != c.passed || len(s.queue) > 0 || s.waiting != 0 {
			t.Errorf("%s: passed %s, want %s; %d bytes wait", name, got, c.passed, s.waiting)
		}
	}
}

// TestGateRefuses: what no judge could decide about does not pass.
func TestGateRefuses(t *testing.T) {
	begin := `{"begin":"text","say":"a"}`
	for name, c := range map[string]struct {
		outlook filters.Outlook
		events  []string
		want    string
	}{
		"a part without begin":       {filters.Outlook{}, []string{`{"say":"a"}`}, "no begin"},
		"a part after its end":       {filters.Outlook{}, []string{begin, `{"end":true}`, `{"say":"b"}`}, "no begin, or no end"},
		"a part in another":          {filters.Outlook{}, []string{begin, begin}, "has ended"},
		"another end than the text":  {filters.Outlook{Content: true}, []string{begin, `{"end":true}`, `{"again":true,"say":"b"}`}, "something else"},
		"a repeat before the end":    {filters.Outlook{Content: true}, []string{begin, `{"again":true,"say":"a"}`}, "no end"},
		"what is known to be denied": {filters.Outlook{Deny: &filters.Verdict{Policy: "p", Rule: "r"}}, []string{begin}, "denied by rule p/r"},
		"a text that says no":        {filters.Outlook{Content: true, Hold: true}, []string{begin, `{"say":"no","end":true}`}, "denied"},
		"said, and then masked":      {filters.Outlook{Content: true}, []string{begin, `{"say":"maybe","end":true}`}, "denied"},
		"masked by less":             {filters.Outlook{Content: true, Masks: []*regexp.Regexp{regexp.MustCompile("x")}}, []string{begin, `{"say":"maybe","end":true}`}, "denied"},
		"said, and then denied":      {filters.Outlook{Content: true}, []string{begin, `{"say":"no","end":true}`}, "denied"},
	} {
		s := speak(c.outlook)
		var err error
		for _, e := range c.events {
			if err != nil {
				t.Fatalf("%s: %v before %s", name, err, e)
			}
			_, err = s.Write([]byte("data: " + e + "\n\n"))
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
}

// TestCut: by what a denied stream is ended.
func TestCut(t *testing.T) {
	flows, masked := filters.Outlook{Content: true}, filters.Outlook{Content: true, Masks: []*regexp.Regexp{maybe}}
	denied := `{"say":"no","end":true}`
	for name, c := range map[string]struct {
		outlook filters.Outlook
		events  []string
		want    string
	}{
		"nothing has passed": {filters.Outlook{Content: true, Hold: true}, []string{`{"begin":"text","place":1}`, denied}, "as message: true, begun: false, open: [], next: 0"},
		"a text is open":     {flows, []string{`{"begin":"text","place":1}`, denied}, "as message: true, begun: true, open: [0], next: 1"},
		"a text has ended": {
			flows, []string{`{"part":3,"begin":"text","place":4}`, `{"part":3,"end":true}`, `{"begin":"text"}`, denied}, "as message: true, begun: true, open: [0], next: 4",
		},
		"it has stopped": {flows, []string{`{"begin":"text"}`, `{"stop":"end"}`, denied}, "as message: false, begun: true, open: [0], next: 0"},
		"it has stopped, and more is held": {
			masked,
			[]string{`{"begin":"text","say":"may"}`, `{"stop":"end"}`, `{"part":1,"begin":"call"}`, `{"say":" or not"}`, denied},
			"as message: false, begun: true, open: [0], next: 0",
		},
	} {
		s := speak(c.outlook)
		var err error
		for _, e := range c.events {
			_, err = s.Write([]byte("data: " + e + "\n\n"))
		}
		if err == nil {
			t.Fatalf("%s: nothing is denied", name)
		}
		if got := string(s.Cut(filters.Refusal{AsMessage: true})); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	unread := speak(flows)
	unread.x.LLM = nil
	if got := string(unread.Cut(filters.Refusal{AsMessage: true})); !strings.HasPrefix(got, "as message: false") {
		t.Errorf("where no request was read: %s", got)
	}
}

// TestPlaces: what a provider says of places in the output must leave room for one more.
func TestPlaces(t *testing.T) {
	for _, place := range []string{"-1", "2147483649", "-9223372036854775808"} {
		if _, err := speak(filters.Outlook{}).Write([]byte(`data: {"begin":"text","place":` + place + "}\n\n")); err == nil || !strings.Contains(err.Error(), "no place") {
			t.Errorf("%s: error %v", place, err)
		}
	}
}

// TestHeldIsBounded: a call that does not end is not held for ever, and what is held is told.
func TestHeldIsBounded(t *testing.T) {
	s := speak(filters.Outlook{})
	s.Write([]byte(`data: {"begin":"call"}` + "\n\n"))
	event := []byte(`data: {"say":"` + strings.Repeat("x", 1<<20) + `"}` + "\n\n")
	var err error
	sent := int64(0)
	for err == nil && sent < 2*MaxHeld {
		if _, err = s.Write(event); err == nil {
			if sent += int64(len(event)); s.Held() < sent || s.Held() > MaxHeld {
				t.Fatalf("%d bytes held of %d", s.Held(), sent)
			}
		}
	}
	if err == nil || !strings.Contains(err.Error(), "would have to be held back") {
		t.Errorf("error %v after %d bytes", err, sent)
	}
	many := speak(filters.Outlook{})
	for i := 0; err == nil || i == 0; i++ {
		if _, err = many.Write(fmt.Appendf(nil, "data: {\"part\":%d,\"begin\":\"text\",\"end\":true}\n\n", i)); i > 2*MaxParts {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "parts") {
		t.Errorf("error %v", err)
	}
}

// TestMaskedUnread: a text whose masks need no judgement of it ends as well.
func TestMaskedUnread(t *testing.T) {
	s := speak(filters.Outlook{Masks: []*regexp.Regexp{regexp.MustCompile("ab+")}})
	out, err := s.Write([]byte(`data: {"begin":"text","say":"ab"}` + "\n\n" + `data: {"end":true}` + "\n\n"))
	if err != nil || !strings.HasPrefix(string(out), "1 [redacted]|") {
		t.Errorf("%v: %q passed", err, out)
	}
}

// TestManyPieces: the pieces of one event take no more memory than an answer may have parts.
func TestManyPieces(t *testing.T) {
	var e Event
	for range 1 << 20 {
		e.Add(Piece{})
	}
	if len(e.Pieces) > 2*MaxParts || newGate(&filters.Exchange{}, watch{}).take(&e) == nil {
		t.Errorf("%d pieces", len(e.Pieces))
	}
}
