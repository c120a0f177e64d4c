package responses

import (
	"strconv"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/redact"
	"bartizan/filters/sse"
	"bartizan/filters/strictjson"
)

// Passes tells whether events have other numbers than they came with, so that each must be written.
func (r *reading) Passes(e *answer.Event) bool {
	r.passed = e.Number + 1
	return r.shift != 0
}

// WriteEvent writes an event with its texts changed and its number; a message, whole, in the place of the begin of a call that is gone;
// and nothing in the place of the rest of that.
func (r *reading) WriteEvent(dst []byte, e *answer.Event) []byte {
	sequence, at := sequenceOf(e.Data)
	for i := range e.Pieces {
		switch p := &e.Pieces[i]; {
		case p.Object != [2]int{}:
		case p.Fate == answer.Told && !p.Repeat:
			return r.tell(dst, p, sequence)
		case p.Fate == answer.Told, p.Fate == answer.Gone:
			r.shift--
			return dst
		}
	}
	edits := r.edits(e)
	if r.shift != 0 && at != (filters.Span{}) {
		edits = append(edits, filters.Edit{Start: at.Start, End: at.End, With: strconv.AppendInt(nil, sequence+r.shift, 10)})
	}
	if len(edits) == 0 {
		return append(dst, e.Raw...)
	}
	return sse.Replace(dst, e.Event, redact.Apply(e.Data, answer.Outermost(edits)))
}

// tell writes the events of a message in the place of a call.
func (r *reading) tell(dst []byte, p *answer.Piece, sequence int64) []byte {
	s := speech{exchange: r.x, next: sequence + r.shift, out: dst}
	s.say(p.Key.Part, r.messageID(p.Key.Part), p.Text)
	r.keep(p)
	r.shift = s.next - sequence - 1
	return s.out
}

func (r *reading) keep(p *answer.Piece) {
	if r.told == nil {
		r.told = map[int64]string{}
	}
	r.told[p.Key.Part] = p.Text
}

// messageID names the message in the place of a call.
func (r *reading) messageID(index int64) string {
	return "msg_" + r.x.ID + "_" + strconv.FormatInt(index, 10)
}

// WriteBody writes a response with its output changed.
func (r *reading) WriteBody(e *answer.Event) []byte {
	return redact.Apply(e.Data, answer.Outermost(r.edits(e)))
}

// edits are what is changed in an event: contents, the log probabilities of texts that are changed, and the items of a response that
// messages stand for.
func (r *reading) edits(e *answer.Event) []filters.Edit {
	edits, replaced := e.Edits(), 0
	for i := range e.Pieces {
		p := &e.Pieces[i]
		object := filters.Edit{Start: p.Object[0], End: p.Object[1]}
		switch {
		case object.End == 0:
		case p.Fate == answer.Told || p.Fate == answer.Gone:
			if p.Fate == answer.Told && p.Text != "" {
				r.keep(p)
			}
			if object.End == replaced { // the call ends here, and is repeated here
				continue
			}
			replaced = object.End
			object.With = []byte(message(r.messageID(p.Key.Part), "completed", outputText(r.told[p.Key.Part])))
			edits = append(edits, object)
		case p.Fate == answer.Changed && p.Key.Group != 0:
			object.With = []byte("[]")
			edits = append(edits, object)
		}
	}
	return edits
}

// sequenceOf reads the number of an event, and where it stands; zero: it has none.
func sequenceOf(data []byte) (n int64, at filters.Span) {
	d := strictjson.New(data)
	for name := range d.Object() {
		if string(name) == "sequence_number" {
			if m, ok := d.MaybeInt64(); ok {
				n = m
				at.Start, at.End = d.Range()
			}
		}
	}
	return n, at
}
