package resource

import (
	"bytes"
	"cmp"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"bartizan/filters"
	"bartizan/filters/redact"
)

// MaxHeld is how much of an answer that rules read is held, in bytes.
const MaxHeld = 32 << 20

// Response returns the reader of the answer to x. Errors of the upstream, what counts tokens, and answers of
// a model that were kept, are read by the dialect's codec.
func (c Codec) Response(x *filters.Exchange, judge filters.AnswerJudge) (filters.ResponseReader, error) {
	switch status := x.Response.Status; {
	case !Is(x.Route.Operation), x.Route.Operation == embeddings, x.Route.Operation == retrieveResponse, x.Route.Operation == cancelResponse, status >= 400:
		return c.Codec.Response(x, judge)
	case status < 200 || status >= 300:
		return nil, unjudged("status " + strconv.Itoa(status) + " leads the caller elsewhere")
	case x.Response.MediaType == "text/event-stream":
		return nil, unjudged("a stream is no answer to this operation")
	}
	admits := c.admits(x)
	if judge == nil && admits == nil {
		return &passing{x}, nil
	}
	return &held{x: x, codec: c.Codec, judge: judge, admits: admits}, nil
}

// admits is what tells which models of the answer to x are shown; nil: all, or there are none.
func (c Codec) admits(x *filters.Exchange) func(model string) bool {
	if c.Models == nil || x.Route.Operation != modelsList {
		return nil
	}
	return c.Models.Shown(x)
}

func unjudged(message string) error {
	return &filters.BodyError{Kind: filters.RefusedUpstream, Message: "the provider's answer cannot be judged: " + message}
}

// passing lets an answer pass that no rule is about.
type passing struct{ x *filters.Exchange }

func (p *passing) Write(b []byte) ([]byte, error) { return b, nil }

func (p *passing) Close() ([]byte, error) {
	p.x.Response.Complete = true
	return nil, nil
}

// Cut has nothing to add: half a file cannot become an error.
func (p *passing) Cut(filters.Refusal) []byte { return nil }

// held keeps an answer until the whole of it can be read.
type held struct {
	x      *filters.Exchange
	codec  filters.Codec
	judge  filters.AnswerJudge     // nil: no rule is about it
	admits func(model string) bool // nil: it is shown as it is
	body   []byte
}

func (h *held) Write(p []byte) ([]byte, error) {
	if len(h.body)+len(p) > MaxHeld {
		h.body = nil
		return nil, unjudged("it is larger than " + strconv.Itoa(MaxHeld>>20) + " MiB")
	}
	h.body = append(h.body, p...)
	return nil, nil
}

// Close judges what the caller would see.
func (h *held) Close() ([]byte, error) {
	var err error
	if h.admits != nil {
		if h.body, err = narrowed(h.x, h.body, h.admits); err != nil {
			return nil, err
		}
	}
	if h.judge != nil {
		if h.body, err = h.judged(); err != nil {
			return nil, err
		}
	}
	h.x.Response.Complete = true
	return h.body, nil
}

func (h *held) judged() ([]byte, error) {
	blocks, err := h.blocks()
	if err != nil {
		return nil, err
	}
	d := h.judge.Judge(h.x, filters.AnswerMessage, blocks)
	if d.Action >= filters.ActionDeny {
		return nil, &filters.DeniedError{Verdict: *d.Deciding}
	}
	answer := filters.Exchange{Route: h.x.Route, Blocks: blocks}
	if len(d.Treatments) > 0 {
		if err := h.codec.Treat(&answer, h.body, d.Treatments); err != nil {
			return nil, err
		}
	}
	h.x.Response.Content.Add(blocks)
	return redact.Apply(h.body, answer.Edits), nil
}

// Cut is an error of the dialect: nothing has passed.
func (h *held) Cut(r filters.Refusal) []byte { return h.codec.Refuse(h.x, r).Body }

// blocks are the strings of an answer in JSON, and of each line of one in JSON Lines; of any other, its bytes.
func (h *held) blocks() ([]filters.Block, error) {
	role := filters.Block{Role: "assistant", Origin: filters.OriginAssistant}
	if len(h.body) == 0 {
		return nil, nil
	}
	if h.x.Response.MediaType == "application/json" {
		r := newReader(h.codec, h.x, h.body)
		r.value(role)
		if err := r.End(); err != nil {
			return nil, unjudged(err.Error())
		}
		return r.Blocks, nil
	}
	if found, err := h.lines(role); found != nil || err != nil {
		return found, err
	}
	return []filters.Block{{
		Role: "assistant", Origin: filters.OriginDocument, MediaType: h.x.Response.MediaType, Data: filters.Plain(h.body), End: len(h.body), Raw: true,
	}}, nil
}

// lines are the blocks of JSON Lines; none of what is not JSON in every line. What only others would read as such is refused.
func (h *held) lines(block filters.Block) ([]filters.Block, error) {
	all := newPartsReader(h.codec, h.x)
	at, n := 0, 0
	var fault error
	for line := range bytes.Lines(h.body) {
		if text := bytes.TrimSpace(line); len(text) > 0 {
			if text[0] != '{' || !jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
				return nil, nil
			}
			r := newReader(h.codec, h.x, line)
			r.value(block)
			fault = cmp.Or(fault, r.End())
			for _, b := range r.Blocks {
				all.Add(place{at, "/" + strconv.Itoa(n)}.move(b))
			}
			n++
		}
		at += len(line)
	}
	if fault = cmp.Or(fault, all.Err()); fault != nil {
		return nil, unjudged(fault.Error())
	}
	return all.Blocks, nil
}
