package gemini

import (
	"errors"
	"strconv"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
)

// flow says what of a part can still come in the next one.
type flow int

const (
	whole    flow = iota
	text          // a text goes on in the next part that is one,
	thought       // and a thought in the next thought
	running       // a call goes on in the next that has no name
	finished      // no part: the candidate has ended
)

// said is what one part of a chunk says.
type said struct {
	candidate  int64
	flow       flow
	part       answer.Part
	start, end int // of its content
	raw        bool
	object     [2]int
	call       filters.ToolCall
	isCall     bool   // of the caller's function or of the provider's tool
	inPieces   bool   // what it is given comes in pieces,
	pieces     []byte // of which these are some;
	otherwise  bool   // and what it says is not these alone
}

// line is where one candidate is.
type line struct {
	part     int64   // that began last
	open     flow    // of that: what can still come
	call     int     // running: its place in Response.ToolCalls,
	pieces   *pieces // and its arguments; nil: they come whole
	finished bool
}

func block(origin filters.Origin, mediaType string) filters.Block {
	return filters.Block{Role: "model", Origin: origin, MediaType: mediaType}
}

// part reads one Part.
func (f *found) part() {
	first, mark, thinks := len(f.said), f.Mark(), false
	if first > answer.MaxParts {
		f.Fail("want fewer parts")
	}
	if f.Kind() != '{' {
		f.extra(filters.OriginAssistant)
		return
	}
	for name := range f.object() {
		switch string(name) {
		case "text":
			f.text()
		case "thought":
			thinks = f.Kind() == 't'
		case "functionCall":
			f.use(answer.Call, filters.OriginToolCall, "")
		case "toolCall":
			f.use(answer.Other, filters.OriginToolCall, "")
		case "executableCode":
			f.use(answer.Text, filters.OriginToolCall, "codeExecution")
		case "codeExecutionResult":
			f.use(answer.Text, filters.OriginToolResult, "codeExecution")
		case "functionResponse", "toolResponse":
			f.use(answer.Other, filters.OriginToolResult, "")
		case "inlineData", "fileData":
			f.media()
		case "thoughtSignature", "videoMetadata", "mediaResolution":
		default:
			f.extra(filters.OriginAssistant)
		}
	}
	start, end := f.RangeSince(mark)
	for i := first; i < len(f.said); i++ {
		s := &f.said[i]
		if s.object = [2]int{start, end}; s.flow == text && thinks {
			s.flow = thought
		}
	}
}

func (f *found) text() {
	if f.Kind() != '"' {
		f.extra(filters.OriginAssistant)
		return
	}
	f.Skip()
	s := said{flow: text, part: answer.Part{Kind: answer.Text, Block: block(filters.OriginAssistant, "text/plain")}}
	s.start, s.end = f.Range()
	f.said = append(f.said, s)
}

// extra reads a value that is a part by itself, such as one of a version to come. What is neither text nor made of values says nothing.
func (f *found) extra(origin filters.Origin) {
	kind := f.Kind()
	f.Skip()
	if kind != '{' && kind != '[' && kind != '"' {
		return
	}
	s := said{raw: true, part: answer.Part{Kind: answer.Other, Block: block(origin, "application/json")}}
	s.start, s.end = f.Range()
	f.said = append(f.said, s)
}

// media reads what a model has made that is no text: {mimeType, data}, or {mimeType, fileUri}.
func (f *found) media() {
	mark := f.Mark()
	s := said{part: answer.Part{Kind: answer.Fixed, Block: block(filters.OriginAssistant, "application/octet-stream")}}
	for name := range f.object() {
		switch string(name) {
		case "mimeType":
			answer.SetName(&s.part.Block.MediaType, f.MaybeText())
		case "data", "fileUri":
			if f.Kind() == '"' && s.end == 0 {
				f.Skip()
				s.start, s.end = f.Range()
			}
		}
	}
	if s.end == 0 {
		s.start, s.end = f.RangeSince(mark)
		s.raw, s.part.Block.MediaType = true, "application/json"
	}
	f.said = append(f.said, s)
}

// use reads the call of a tool, or what came of one. Its content is the one member that has it; where there are more, or members of
// a version to come, all of it.
func (f *found) use(kind answer.Kind, origin filters.Origin, tool string) {
	if f.Kind() != '{' {
		f.extra(origin)
		return
	}
	s := said{part: answer.Part{Kind: kind, Block: block(origin, "application/json")}, isCall: origin == filters.OriginToolCall}
	s.call.Name = tool
	mark, contents := f.Mark(), 0
	var content []byte
	for name := range f.object() {
		switch string(name) {
		case "id":
			answer.SetName(&s.call.ID, f.MaybeText())
		case "name", "toolType":
			answer.SetName(&s.call.Name, f.MaybeText())
		case "willContinue":
			if continues(f.Decoder) {
				s.flow = running
			}
		case "language", "outcome":
		default:
			contents++
			s.raw = f.Kind() != '"'
			content = f.Value()
			s.start, s.end = f.Range()
			if string(name) == "partialArgs" {
				s.inPieces, s.pieces = true, content
			}
		}
	}
	if contents > 1 {
		s.raw = true
		s.start, s.end = f.RangeSince(mark)
	}
	if !s.raw && contents > 0 {
		s.part.Block.MediaType = "text/plain"
	}
	s.inPieces = s.inPieces || s.flow == running
	s.otherwise = contents > 1 || contents == 1 && s.pieces == nil
	switch s.call.Complete = s.flow == whole; {
	case s.inPieces && kind == answer.Call:
		s.part.Sealed = true // it stands in pieces
	case s.inPieces:
		s.part.Kind = answer.Fixed
	default:
		s.call.Arguments = answer.Digest(content)
	}
	s.part.Block.Name, s.part.Block.CallID = s.call.Name, s.call.ID
	f.said = append(f.said, s)
}

// place puts what a part says behind what its candidate has said so far: it goes on with that, or ends it and begins anew.
func (r *reading) place(s *said, e *answer.Event) error {
	l := r.lines[s.candidate]
	if l == nil {
		if r.lines == nil {
			r.lines = map[int64]*line{}
		}
		l = &line{}
		r.lines[s.candidate] = l
	}
	key := answer.Key{Group: s.candidate, Part: l.part}
	goesOn := l.open != whole && (s.flow == l.open || l.open == running && s.isCall) && (l.open != running || s.call.Name == "")
	if e.Judged && !goesOn && s.flow != finished && l.torn(s) {
		return malformed("", "a call in pieces goes on behind something else")
	}
	if l.open != whole && !goesOn {
		add(e, answer.Piece{Key: key, Close: true, Whole: r.gathered(l)})
		l.open = whole
	}
	if s.flow == finished {
		l.finished = true
		return nil
	}
	p := answer.Piece{Key: key, Start: s.start, End: s.end, Raw: s.raw, Object: s.object, Close: s.flow == whole}
	switch {
	case !goesOn:
		l.part++
		p.Key.Part, p.Begin = l.part, r.begin(s, l)
	case l.open == running && s.flow == whole && l.call < len(r.x.Response.ToolCalls):
		r.x.Response.ToolCalls[l.call].Complete = true
	}
	if err := l.gather(s); err != nil {
		if l.pieces = nil; e.Judged {
			return malformed("", err.Error())
		}
	}
	if p.Close {
		p.Whole = r.gathered(l)
	}
	l.open = s.flow
	add(e, p)
	return nil
}

// torn tells whether s, which does not go on with what came before, breaks off a text of a call's arguments, or has the rest of such a call: clients
// may put together again what would be judged apart.
func (l *line) torn(s *said) bool {
	return l.pieces != nil && l.pieces.open != nil || s.part.Sealed && s.call.Name == ""
}

// gather adds what a part says to the arguments that come in pieces.
func (l *line) gather(s *said) error {
	switch {
	case l.pieces == nil:
		return nil
	case s.otherwise:
		return errors.New("a call says its arguments in pieces and otherwise")
	case s.pieces != nil:
		l.pieces.add(s.pieces)
	}
	return l.pieces.err
}

// gathered are the arguments of a call that is over; nil: they did not come in pieces.
func (r *reading) gathered(l *line) (arguments []byte) {
	if l.pieces == nil {
		return nil
	}
	arguments, l.pieces = l.pieces.json(), nil
	if calls := r.x.Response.ToolCalls; l.call < len(calls) {
		calls[l.call].Arguments = answer.Digest(arguments)
	}
	return arguments
}

func (r *reading) begin(s *said, l *line) *answer.Part {
	part := s.part
	if l.pieces = nil; part.Sealed {
		l.pieces = &pieces{taken: &r.taken}
	}
	part.Block.Pointer = "/candidates/" + strconv.FormatInt(s.candidate, 10) + "/content/parts/" + strconv.FormatInt(l.part-1, 10)
	if out := &r.x.Response; s.isCall {
		part.Call = len(out.ToolCalls)
		l.call = part.Call
		out.ToolCalls = answer.AddToolCall(out.ToolCalls, s.call)
	}
	return &part
}

func add(e *answer.Event, p answer.Piece) {
	if e.Judged {
		e.Add(p)
	}
}

// finished tells whether every candidate of which something came has ended.
func (r *reading) finished() bool {
	for _, l := range r.lines {
		if !l.finished {
			return false
		}
	}
	return len(r.lines) > 0
}
