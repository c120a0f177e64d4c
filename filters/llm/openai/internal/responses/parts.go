package responses

import (
	"slices"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
)

// The parts of an answer: each item of the output under its index, in the group 0, which is the one that counts calls; and what stands in
// an item in groups of its own.
const (
	groupContent = 1 << 40 // a part of a message: its index is added
	groupSummary = 2 << 40 // a part of a summary
	groupComment = 3 << 40 // an annotation: the part's index times maxComments, and its own
	groupGiven   = 4 << 40 // a member of an item that tells what came of a call

	maxComments = 1 << 20
)

// unknown is of no part: what has it is refused.
var unknown = answer.Key{Group: -1}

// progress is how far a part has come.
type progress struct {
	begun  bool // content has come
	closed bool
	part   *answer.Part // of a call, as it began
}

// pieces adds what an event says of parts.
func (r *reading) pieces(f *found, e *answer.Event) {
	if r.parts == nil {
		r.parts = map[answer.Key]*progress{}
	}
	if f.twice { // which of two texts is meant, each client decides for itself
		switch f.what {
		case partDelta, partSaid, callDelta, callSaid, callDraft:
			e.Add(answer.Piece{Key: unknown})
		}
	}
	switch f.what {
	case itemAdded:
		for i := range f.items {
			r.added(e, f.output, &f.items[i])
		}
	case itemDone:
		for i := range f.items {
			r.done(e, f.output, &f.items[i], filters.Span{})
		}
	case response, ended:
		for i := range f.items {
			r.done(e, int64(i), &f.items[i], f.items[i].at)
		}
	case partAdded:
		if begin := r.grows(e, f.key(), f.part.text, f.part.logprobs); begin != nil {
			begin.Begin = f.block(&f.part)
		}
	case partDelta:
		if begin := r.grows(e, f.key(), f.said, f.logprobs); begin != nil {
			begin.Begin = f.block(nil)
		}
	case partSaid:
		r.ends(e, ending{key: f.key(), part: f.block(nil), at: f.said, object: f.logprobs})
	case partDone:
		r.contents(e, f.key(), f.block(&f.part), &f.part)
	case annotation:
		r.comment(e, f.output, f.content*maxComments+f.comment, f.value)
	case callDelta:
		r.grows(e, f.key(), f.said, filters.Span{})
	case callSaid:
		r.ends(e, ending{key: f.key(), at: f.said})
	case callDraft:
		r.draft(e, f.key(), f.said, false)
	case givenDraft:
		r.draft(e, givenKey(f.output, "output"), f.value, true)
	case nothing: // how a call goes is told of no call that is gone
		r.draft(e, answer.Key{Part: f.output}, filters.Span{}, false)
	}
}

// key is the part that an event is about.
func (f *found) key() answer.Key {
	switch f.what {
	case callDelta, callSaid, callDraft:
		return answer.Key{Part: f.output}
	}
	if f.summarizes {
		return answer.Key{Group: groupSummary + f.summary, Part: f.output}
	}
	return answer.Key{Group: groupContent + f.content, Part: f.output}
}

// grows notes content of a part, a string, with its log probabilities. It returns the piece with which the part is to begin; a call
// begins elsewhere.
func (r *reading) grows(e *answer.Event, key answer.Key, at, object filters.Span) (begin *answer.Piece) {
	if at == (filters.Span{}) {
		return nil // something else than a text: it is read when it is whole
	}
	p := answer.Piece{Key: key, Object: [2]int{object.Start, object.End}}
	state := r.parts[key]
	begins := state == nil || state.closed
	if begins {
		state = &progress{}
		r.parts[key] = state
	}
	if at.End-at.Start > len(`""`) {
		state.begun, p.Start, p.End = true, at.Start, at.End
	}
	e.Add(p)
	if begins {
		return &e.Pieces[len(e.Pieces)-1]
	}
	return nil
}

// ending is all of a part.
type ending struct {
	key    answer.Key
	part   *answer.Part
	at     filters.Span // its content; zero: it has none
	raw    bool
	object filters.Span // of an item in a response, the item; of a text, its log probabilities
}

// ends notes all of a part: it is its content where none has come, and repeats what has.
func (r *reading) ends(e *answer.Event, all ending) {
	p := answer.Piece{
		Key: all.key, Start: all.at.Start, End: all.at.End, Raw: all.raw, Object: [2]int{all.object.Start, all.object.End},
	}
	state := r.parts[all.key]
	switch {
	case state == nil:
		p.Begin, p.Close = all.part, true
		state = &progress{part: all.part}
		r.parts[all.key] = state
	case state.part != nil && all.part != nil && (all.part.Kind != state.part.Kind || all.part.Block.Name != state.part.Block.Name):
		p.Key = unknown // it was judged by another name than the client now reads
	case state.closed:
		p.Repeat = true
	case !state.begun:
		p.Close = true
	default:
		e.Add(answer.Piece{Key: all.key, Close: true, Object: p.Object})
		p.Repeat = true
	}
	state.closed = true
	e.Add(p)
}

// draft notes what belongs to a call, or to what came of it, beside its content.
func (r *reading) draft(e *answer.Event, key answer.Key, at filters.Span, raw bool) {
	if state := r.parts[key]; state != nil {
		e.Add(answer.Piece{Key: key, Start: at.Start, End: at.End, Raw: raw, Draft: true, Repeat: state.closed})
	}
}

// added begins an item.
func (r *reading) added(e *answer.Event, index int64, o *output) {
	for i := range o.contents {
		c := &o.contents[i]
		if begin := r.grows(e, answer.Key{Group: groupContent + int64(i), Part: index}, c.text, c.logprobs); begin != nil {
			begin.Begin = o.block(index, "content", i)
		}
	}
	for _, m := range o.gives { // there is nothing yet, or else it will have to be the same in the end
		if m.End-m.Start > len("{}") {
			r.given(e, index, o, m)
		}
	}
	if isOutput(o.kind) && r.parts[givenKey(index, "output")] == nil {
		key := givenKey(index, "output")
		e.Add(answer.Piece{Key: key, Begin: r.givenPart(index, o, member{name: "output"})})
		r.parts[key] = &progress{}
	}
	if !isCall(o.kind) {
		return
	}
	key, asked := answer.Key{Part: index}, o.asked()
	p := answer.Piece{Key: key, Begin: r.callPart(index, o)}
	r.parts[key] = &progress{part: p.Begin}
	switch { // of an action there may be as much as is known
	case !asked.text:
		p.Start, p.End, p.Raw, p.Draft = asked.Start, asked.End, true, true
	case asked.End-asked.Start > len(`""`):
		p.Start, p.End, r.parts[key].begun = asked.Start, asked.End, true
	}
	e.Add(p)
}

// done reads an item that is whole; object is where it stands in a response.
func (r *reading) done(e *answer.Event, index int64, o *output, object filters.Span) {
	for i := range o.contents {
		r.contents(e, answer.Key{Group: groupContent + int64(i), Part: index}, o.block(index, "content", i), &o.contents[i])
	}
	for i := range o.summary {
		r.contents(e, answer.Key{Group: groupSummary + int64(i), Part: index}, o.block(index, "summary", i), &o.summary[i])
	}
	switch key := (answer.Key{Part: index}); {
	case isCall(o.kind):
		asked := o.asked()
		r.ends(e, ending{key, r.callPart(index, o), asked.Span, !asked.text, object})
	case !o.known():
		r.ends(e, ending{key: key, part: jsonPart(index, filters.OriginAssistant), at: o.at, raw: true})
	}
	for _, m := range o.gives {
		r.given(e, index, o, m)
	}
}

// given reads what came of a call.
func (r *reading) given(e *answer.Event, index int64, o *output, m member) {
	r.ends(e, ending{key: givenKey(index, m.name), part: r.givenPart(index, o, m), at: m.Span, raw: !m.text})
}

func givenKey(index int64, name string) answer.Key {
	return answer.Key{Group: groupGiven + int64(slices.Index(gives[:], name)), Part: index}
}

// contents reads a part of a message or of reasoning that is whole, with what its text cites.
func (r *reading) contents(e *answer.Event, key answer.Key, part *answer.Part, c *content) {
	if c.text == (filters.Span{}) {
		whole := jsonPart(key.Part, filters.OriginAssistant)
		r.ends(e, ending{key: key, part: whole, at: c.at, raw: true})
	} else {
		r.ends(e, ending{key: key, part: part, at: c.text, object: c.logprobs})
	}
	for i, at := range c.annotations {
		r.comment(e, key.Part, (key.Group-groupContent)*maxComments+int64(i), at)
	}
}

// comment reads an annotation: what it quotes comes from elsewhere.
func (r *reading) comment(e *answer.Event, output, index int64, at filters.Span) {
	r.ends(e, ending{
		key: answer.Key{Group: groupComment + index, Part: output}, part: jsonPart(output, filters.OriginDocument), at: at, raw: true,
	})
}

// asked is the member that says what a call asks for; where there are several, or of a type that nobody knows yet, it is all of the item.
func (o *output) asked() member {
	switch {
	case len(o.asks) == 1:
		return o.asks[0]
	case len(o.asks) == 0 && o.known():
		return member{}
	default:
		return member{Span: o.at}
	}
}
