package responses

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"testing"

	"bartizan/filters"
	"bartizan/filters/llm/internal/codectest"
	"bartizan/filters/sse"
)

func TestCodec(t *testing.T) { codectest.Suite{Codec: Codec{}, Judged: true, Check: check}.Run(t) }

func FuzzRequest(f *testing.F) { codectest.FuzzRequest(f, Codec{}) }

func FuzzAnswer(f *testing.F) { codectest.FuzzAnswer(f, Codec{}) }

// masking stands for a rule that masks keys.
type masking struct{}

func (masking) Expect(*filters.Exchange, *filters.Block) filters.Outlook {
	return filters.Outlook{Masks: []*regexp.Regexp{regexp.MustCompile("AKIA[0-9]{4}")}}
}

func (masking) Judge(*filters.Exchange, filters.AnswerStage, []filters.Block) filters.Decision {
	return filters.Decision{}
}

// TestFromTheMiddle: a stored answer cannot be fetched in two halves of a word.
func TestFromTheMiddle(t *testing.T) {
	const half = `data: {"type":"response.output_text.delta","sequence_number":8,"output_index":0,"content_index":0,"delta":"1234"}` + "\n\n"
	for query, refused := range map[string]bool{
		"stream=true": false, "stream=true&starting_after=7": true, "stream=true&starting%5fafter=7": true, "stream=true;starting_after=7": true,
	} {
		for _, judge := range []filters.AnswerJudge{masking{}, nil} {
			x := &filters.Exchange{Route: filters.Route{Operation: "responses.retrieve"}, Request: filters.Request{Query: query}}
			x.Response = filters.Response{Status: 200, MediaType: "text/event-stream"}
			r, err := Codec{}.Response(x, judge)
			if kind := filters.AsRefusal(err, "").Kind; err != nil && kind != filters.RefusedUpstream || (err != nil) != (refused && judge != nil) {
				t.Errorf("%s, judged %t: %v", query, judge != nil, err)
			}
			if err != nil {
				continue
			}
			if passed, err := r.Write([]byte(half)); err != nil || string(passed) != half {
				t.Errorf("%s, judged %t: %q, error %v", query, judge != nil, passed, err)
			}
		}
	}
}

// told is what a client has put together of a stream.
type told struct {
	next  int64
	texts map[string]string // by the place: of a text's deltas, or of a call's
	items map[int]any       // whole, by their index
	last  any               // of them, as they ended
}

// check is a client that believes nothing: the numbers rise by one, an item has a beginning and an end, and what is said again is what was
// said before.
func check(body []byte) error {
	if bytes.HasPrefix(body, []byte("{")) {
		if !json.Valid(body) {
			return fmt.Errorf("no JSON")
		}
		return nil
	}
	c := told{texts: map[string]string{}, items: map[int]any{}}
	var events sse.Reader
	for e := range events.Feed(body) {
		if !e.Fires() {
			continue
		}
		if err := c.event(e); err != nil {
			return fmt.Errorf("%w at %s", err, e.Data)
		}
	}
	return nil
}

type said struct {
	Type      string
	Sequence  *int64 `json:"sequence_number"`
	Output    int    `json:"output_index"`
	Content   int    `json:"content_index"`
	Delta     *string
	Text      *string
	Arguments *string
	Input     *string
	Item      map[string]any
	Response  *struct{ Output []any }
}

func (c *told) event(e sse.Event) error {
	var s said
	if err := json.Unmarshal(e.Data, &s); err != nil {
		return err
	}
	if s.Type != string(e.Name) || s.Sequence == nil || *s.Sequence != c.next {
		return fmt.Errorf("name %s, number %v, want %d", e.Name, s.Sequence, c.next)
	}
	c.next++
	place := fmt.Sprint(s.Output, " ", s.Content)
	if s.Delta != nil {
		c.texts[place] += *s.Delta
	}
	if whole := first(s.Text, s.Arguments, s.Input); whole != nil {
		if err := c.again(place, *whole); err != nil {
			return err
		}
	}
	switch s.Type {
	case "response.output_item.done":
		if err := c.item(s.Output, s.Item); err != nil {
			return err
		}
		c.items[s.Output], c.last = s.Item, s.Item
	case "response.completed", "response.incomplete":
		if s.Response == nil {
			return nil
		}
		if len(s.Response.Output) == 1 && reflect.DeepEqual(s.Response.Output[0], c.last) {
			return nil // a refusal that is told alone
		}
		for i, item := range s.Response.Output {
			if c.items[i] != nil && !reflect.DeepEqual(item, c.items[i]) {
				return fmt.Errorf("item %d was %v", i, c.items[i])
			}
		}
	}
	return nil
}

func (c *told) item(index int, item map[string]any) error {
	for i, part := range asList(item["content"]) {
		if text, ok := part.(map[string]any)["text"].(string); ok {
			if err := c.again(fmt.Sprint(index, " ", i), text); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{"arguments", "input"} {
		if text, ok := item[name].(string); ok {
			if err := c.again(fmt.Sprint(index, " 0"), text); err != nil {
				return err
			}
		}
	}
	return nil
}

// again takes all of a text, which may have come in pieces before.
func (c *told) again(place, whole string) error {
	if before := c.texts[place]; before != "" && before != whole {
		return fmt.Errorf("said %q before", before)
	}
	c.texts[place] = whole
	return nil
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}

func first(texts ...*string) *string {
	for _, t := range texts {
		if t != nil {
			return t
		}
	}
	return nil
}
