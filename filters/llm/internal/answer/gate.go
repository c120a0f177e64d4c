package answer

import (
	"slices"
	"strconv"

	"bartizan/filters"

	"github.com/go-json-experiment/json/jsontext"
)

// Limits of what a judge makes a reader hold of one answer.
const (
	MaxHeld   = 32 << 20 // bytes of events that wait, and of content that is to be judged
	MaxParts  = 1 << 14  // of an answer; no list in one that dialects gather may be longer
	perQueued = 512      // bytes that a waiting event takes beside its own
	maxPlaces = 1 << 31  // in an output: clients count them in 32 bits
)

// gate asks the judge about the parts of one answer.
type gate struct {
	x       *filters.Exchange
	judge   filters.AnswerJudge
	parts   map[Key]*part
	order   []*part // all of them, as they began
	groups  map[int64]*group
	begun   bool // the stages AnswerBegins
	ended   bool // and AnswerEnds were judged
	held    int  // bytes of content that wait for their judgement
	scratch []byte
}

// group counts the calls that passed, and those that did not.
type group struct{ kept, gone int }

func newGate(x *filters.Exchange, judge filters.AnswerJudge) *gate {
	return &gate{x: x, judge: judge, parts: map[Key]*part{}, groups: map[int64]*group{}}
}

// take judges what an event brings. An error ends the answer.
func (g *gate) take(e *Event) error {
	if e.over {
		return unjudged("", "it has more than "+strconv.Itoa(MaxParts)+" parts")
	}
	if e.Taken < 0 || e.Taken > maxPlaces {
		return unjudged("", "a part of it has no place")
	}
	if len(e.Pieces) > 0 && !g.begun {
		if err := g.stage(filters.AnswerBegins); err != nil {
			return err
		}
		g.begun = true
	}
	for i := range e.Pieces {
		if err := g.piece(e, &e.Pieces[i]); err != nil {
			return err
		}
	}
	if e.Last {
		return g.end()
	}
	return g.stop()
}

// stop judges the end of the answer, once it is known.
func (g *gate) stop() error {
	if g.ended || g.x.Response.StopReason == "" {
		return nil
	}
	g.ended = true
	return g.stage(filters.AnswerEnds)
}

// end says that nothing more comes: of what is held and not whole, nothing passes.
func (g *gate) end() error {
	for _, p := range g.order {
		if !p.closed {
			if err := g.abandon(p); err != nil {
				return err
			}
		}
	}
	if !g.ended {
		g.ended = true
		return g.stage(filters.AnswerEnds)
	}
	return nil
}

func (g *gate) abandon(p *part) error {
	if !p.hold {
		return g.close(p)
	}
	g.held -= len(p.content)
	p.content, p.closed, p.fate = nil, true, Gone
	if c := g.called(p); c != nil {
		c.Withheld = true
	}
	return nil
}

func (g *gate) stage(s filters.AnswerStage) error {
	if d := g.judge.Judge(g.x, s, nil); d.Action >= filters.ActionDeny {
		return &filters.DeniedError{Verdict: *d.Deciding}
	}
	return nil
}

// piece gathers what a piece adds to its part.
func (g *gate) piece(e *Event, p *Piece) error {
	if p.Stop {
		return nil
	}
	if p.Begin != nil {
		if err := g.begin(p); err != nil {
			return err
		}
	}
	if p.part = g.parts[p.Key]; p.part == nil || p.part.closed != p.Repeat {
		return unjudged("", "a part of it has no begin, or no end")
	}
	part := p.part
	switch {
	case p.Draft:
	case p.Repeat:
		return g.repeat(e, p)
	case p.End > 0 && (part.gather || part.masker != nil):
		text := e.content(p, &g.scratch)
		part.length += len(text)
		if err := g.content(part, text); err != nil {
			return err
		}
	}
	p.upto = part.length
	if p.Close && p.Whole != nil {
		g.held += len(p.Whole) - len(part.content)
		part.content = p.Whole
	}
	if p.Close {
		return g.close(part)
	}
	return nil
}

// begin decides how a part is treated until it is whole.
func (g *gate) begin(p *Piece) error {
	if len(g.order) >= MaxParts {
		return unjudged("", "it has more than "+strconv.Itoa(MaxParts)+" parts")
	}
	part := &part{Part: *p.Begin}
	if old := g.parts[p.Key]; old != nil && !old.closed {
		return unjudged("", "a part of it begins before the one in its place has ended")
	}
	g.parts[p.Key] = part
	g.order = append(g.order, part)
	if part.Kind == Call || p.Close {
		part.hold, part.gather = true, true
		return nil
	}
	o := g.judge.Expect(g.x, &part.Block)
	if o.Deny != nil {
		return &filters.DeniedError{Verdict: *o.Deny}
	}
	part.gather = o.Content
	part.hold = o.Hold || part.Kind == Other && len(o.Masks) > 0
	if !part.hold && len(o.Masks) > 0 {
		part.mask(o.Masks)
	}
	return nil
}

func (g *gate) content(p *part, text []byte) error {
	if p.gather {
		if g.held += len(text); g.held > MaxHeld {
			return tooMuch()
		}
		p.content = append(p.content, text...)
	}
	if p.masker != nil {
		return maskError(p.masker.Write(text))
	}
	return nil
}

func tooMuch() error {
	return unjudged("", "more than "+strconv.Itoa(MaxHeld>>20)+" MiB of it would have to be held back")
}

func maskError(err error) error {
	if err != nil {
		return unjudged("", err.Error())
	}
	return nil
}

// close judges a part that is whole.
func (g *gate) close(p *part) error {
	p.closed = true
	if !p.gather {
		if p.masker != nil {
			return maskError(p.masker.Close())
		}
		return nil
	}
	block := p.block()
	p.sum = digest(&block)
	g.x.Response.Content.Add([]filters.Block{block})
	d := g.judge.Judge(g.x, filters.AnswerPart, []filters.Block{block})
	g.held -= len(p.content)
	p.content = nil
	switch {
	case !p.hold && (d.Action >= filters.ActionDeny || slices.ContainsFunc(d.Treatments, p.unforeseen)):
		return &filters.DeniedError{Verdict: *d.Deciding} // a failure: what could be known before it came was not held
	case p.masker != nil:
		return maskError(p.masker.Close())
	}
	if err := p.settle(&block, d, g.x.ID); err != nil {
		return err
	}
	if c := g.called(p); c != nil {
		c.Withheld = p.fate == Told
		if p.fate == Changed {
			c.Arguments = Digest([]byte(p.text))
		}
	}
	return nil
}

// called is what is recorded of a call; nil: nothing is.
func (g *gate) called(p *part) *filters.ToolCall {
	if calls := g.x.Response.ToolCalls; p.Kind == Call && p.Call >= 0 && p.Call < len(calls) {
		return &calls[p.Call]
	}
	return nil
}

// repeat holds what is said again against what was judged.
func (g *gate) repeat(e *Event, p *Piece) error {
	if !p.part.gather || p.End == 0 {
		return nil
	}
	block := p.part.Block
	block.Data = filters.Plain(e.content(p, &g.scratch))
	p.part.span(&block)
	if digest(&block) != p.part.sum {
		return unjudged("", "a part of it ends with something else than it was")
	}
	return nil
}

// ready tells whether all that an event brings is decided.
func (g *gate) ready(e *Event) bool {
	for i := range e.Pieces {
		p := &e.Pieces[i]
		if p.part != nil && !p.part.ready(p) {
			return false
		}
	}
	return true
}

// conclude writes into the pieces of an event what becomes of them, and says whether anything changes. It is called once for each event,
// in their order.
func (g *gate) conclude(e *Event) (changed bool, err error) {
	for i := range e.Pieces {
		p := &e.Pieces[i]
		calls := g.groups[p.Key.Group]
		switch {
		case p.Stop:
			continue
		case p.part.Kind == Call && p.Begin != nil:
			if calls == nil {
				calls = &group{}
				g.groups[p.Key.Group] = calls
			}
			p.part.shift = calls.gone
			if p.part.fate == Kept || p.part.fate == Changed {
				calls.kept++
			} else {
				calls.gone++
			}
			fallthrough
		default:
			if err := p.part.conclude(e, p); err != nil {
				return false, err
			}
		}
		changed = changed || p.Fate != Kept || p.Shift > 0
	}
	for i := range e.Pieces { // a stop reason may stand before the calls
		p := &e.Pieces[i]
		if calls := g.groups[p.Key.Group]; p.Stop && calls != nil && calls.gone > 0 && calls.kept == 0 {
			p.Fate, changed = Told, true
		}
	}
	return changed, nil
}

// content is what a piece says, in its own memory or in scratch.
func (e *Event) content(p *Piece, scratch *[]byte) []byte {
	raw := e.Data[p.Start:p.End]
	if p.Raw {
		return raw
	}
	text, _ := jsontext.AppendUnquote((*scratch)[:0], raw) // it was read as valid
	*scratch = text[:0]
	return text
}

// errFixed says that a rule wants to change what cannot be.
func errFixed(a filters.Action) error {
	return &filters.BodyError{Kind: filters.RefusedByPolicy, Message: "a rule wants to " + a.String() + " a part of the answer that cannot be changed"}
}
