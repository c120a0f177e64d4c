package answer

import (
	"cmp"
	"iter"
	"slices"

	"bartizan/filters"
	"bartizan/filters/sse"
	"bartizan/filters/strictjson"
)

// Dialect reads and writes the answers of one dialect. It holds the state of one answer. A method that reads must change the exchange only
// when d.End says that its input was whole, and return that error otherwise.
//
// What an event says of the parts of the answer, it adds to the event as pieces; what becomes of each piece is written into it before the
// event is to be written. Where there is no judge (Event.Judged), pieces are not wanted, and no event is written.
type Dialect interface {
	ReadEvent(d *strictjson.Decoder, e *Event) error // one event of a stream that has data
	ReadBody(d *strictjson.Decoder, e *Event) error  // the whole of a JSON answer
	WriteEvent(dst []byte, e *Event) []byte          // appends what passes in the place of an event, framing and all; it may be nothing
	WriteBody(e *Event) []byte                       // what passes in the place of a JSON answer
	CutEvent(r filters.Refusal, p *Passed) []byte    // what ends a stream: an error, or with r.AsMessage a message of the model, behind what has passed
	CutBody(r filters.Refusal) []byte                // what stands in the place of a JSON answer
}

// Framing cuts a stream into events, as sse.Reader does: of each the raw bytes, the type (Name), and JSON (Data; nil: it has none).
type Framing interface {
	Feed(p []byte) iter.Seq[sse.Event]
	Close() (e sse.Event, whole bool)
	Err() error
	Buffered() int
}

// Framed is a dialect with a framing of its own for a media type; nil: it has none for this one.
type Framed interface {
	Framing(mediaType string) Framing
}

// Following is a dialect that has to know which events have passed: what is held and then dropped counts for nothing. It may number them, and
// once it has written more or fewer than came, it writes all that follow.
type Following interface {
	Passes(e *Event) (rewritten bool) // e does, and all before it have
}

// Event is one event of a stream with what it says of parts; of a JSON answer, all of it in Data.
type Event struct {
	sse.Event
	Judged bool    // there is a judge
	Pieces []Piece // in the order of their places in Data
	Quiet  bool    // it carries nothing, such as a ping, and may pass before others that are held
	Number int64   // where the dialect numbers them
	Taken  int64   // one behind the place in the output that it is about, where it says one; at most maxPlaces
	Last   bool    // what is unfinished stays so: an error of the provider
	over   bool    // there were more pieces than are judged
	stops  bool    // why the answer stops is known with it
}

// Add adds what the event says of a part.
func (e *Event) Add(p Piece) {
	if len(e.Pieces) >= 2*MaxParts { // a part has two at most
		e.over = true
		return
	}
	e.Pieces = append(e.Pieces, p)
}

// Key is by what a dialect tells parts apart. Groups are told apart by what ends them: each has a stop reason of its own.
type Key struct{ Group, Part int64 }

// Kind is what can be done with a part.
type Kind int

// The kinds.
const (
	Text  Kind = iota // can be changed; is masked as it comes
	Call              // a tool call that the client would carry out: it is held until it is whole, and may be replaced by a text
	Other             // JSON: can be changed when it is whole
	Fixed             // signed or opaque: passes as it is, or nothing does
)

// Part is a part of the answer, as far as it is known when it begins.
type Part struct {
	Kind  Kind
	Block filters.Block // all but Data, Start and End
	Call  int           // Call: its place in Response.ToolCalls; -1: it has none

	Sealed bool // Call: it may be replaced, but not changed, since its content stands in pieces of another shape
}

// Piece is what one event says of one part, and then what becomes of it.
type Piece struct {
	Key    Key
	Begin  *Part  // the part begins here; nil: it goes on
	Start  int    // where content stands in Data: a JSON string with its quotes, or,
	End    int    // with Raw, any JSON value; 0: the piece has no content
	Raw    bool   //
	Object [2]int // for the dialect: where what stands for the part is in Data
	Close  bool   // the part ends here,
	Whole  []byte // and this is all of its content, in the place of what its pieces say; nil: it is what they say
	Repeat bool   // the content is again all of a part that has ended
	Draft  bool   // the content is some of what the part will say in another shape: it is not judged, and emptied where the part is changed
	Stop   bool   // no part: the stop reason of the group of Key, which says that tools are to be called
	Fate   Fate   // set before the event is written
	Text   string // Changed, Told
	Shift  int    // of a call: how many calls of its group before it are gone
	part   *part  //
	upto   int    // content of the part that has come with this piece
}

// Fate is what becomes of a piece.
type Fate int

// The fates.
const (
	Kept    Fate = iota // as it came
	Changed             // Text stands in the place of the content: a text, or with Raw or in a call JSON
	Told                // of a call's begin: a part of text that says Text stands in its place. Of a stop reason: no call is left, so that it is the one of a normal end
	Gone                // nothing is left of it
)

// Edits are the edits of Data that carry out what is Changed; they are in order.
func (e *Event) Edits() []filters.Edit {
	var edits []filters.Edit
	for i := range e.Pieces {
		p := &e.Pieces[i]
		if p.Fate != Changed {
			continue
		}
		with := p.Text
		switch {
		case !p.Raw:
			with = Quote(with)
		case with == "": // it stands where the part's content came before
			with = "null"
		}
		edits = append(edits, filters.Edit{Start: p.Start, End: p.End, With: []byte(with)})
	}
	return edits
}

// EditsTold are Edits, and those that carry out what is Told where the object of a call can become another one in its place: part makes
// it of a quoted text, and stop is the stop reason of a normal end.
func (e *Event) EditsTold(stop string, part func(quoted string) string) []filters.Edit {
	edits := e.Edits()
	for i := range e.Pieces {
		switch p := &e.Pieces[i]; {
		case p.Fate != Told:
		case p.Stop:
			edits = append(edits, filters.Edit{Start: p.Start, End: p.End, With: []byte(Quote(stop))})
		default:
			edits = append(edits, filters.Edit{Start: p.Object[0], End: p.Object[1], With: []byte(part(Quote(p.Text)))})
		}
	}
	return Outermost(edits)
}

// Outermost sorts edits, and leaves out those that lie in another: what is judged whole may hold parts that are judged by themselves, and
// a part may hold, against its API, more than one thing. Of those for one place, the one stays that says most.
func Outermost(edits []filters.Edit) []filters.Edit {
	slices.SortStableFunc(edits, func(a, b filters.Edit) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End), cmp.Compare(len(b.With), len(a.With)))
	})
	end := 0
	return slices.DeleteFunc(edits, func(e filters.Edit) bool {
		inside := e.Start < end
		end = max(end, e.End)
		return inside
	})
}
