package answer

import (
	"bytes"
	"strconv"

	"bartizan/filters"
	"bartizan/filters/sse"
	"bartizan/filters/strictjson"
)

// stream passes the events of a stream on as they are decided. Without a judge each passes as soon as it is whole.
type stream struct {
	x       *filters.Exchange
	dialect Dialect
	sse     sse.Reader
	other   Framing // in the place of sse; nil: none
	gate    *gate   // nil: nobody judges
	out     passing // of the chunk at hand
	json    strictjson.Decoder
	event   Event
	queue   []Event // they wait for the decision about the first
	waiting int     // bytes of them
	open    bool    // what was passed last did not end its event
	client  Passed  // what it has, where somebody judges
}

// framing is what cuts the stream.
func (s *stream) framing() Framing {
	if s.other != nil {
		return s.other
	}
	return &s.sse
}

// Write returns what may pass now. With an error it is what stands before the fault.
func (s *stream) Write(p []byte) ([]byte, error) {
	s.out = passing{p: p, split: s.framing().Buffered() > 0}
	err := s.feed(p)
	if why := s.framing().Err(); why != nil && err == nil {
		err = s.broken(why)
	}
	return s.passed(err)
}

// broken is the error for a stream that the framing cannot cut further.
func (s *stream) broken(why error) error {
	if s.other != nil {
		return unjudged("", why.Error())
	}
	return unjudged("", "an event is larger than "+strconv.Itoa(sse.DefaultLimit>>20)+" MiB")
}

// feed reads the events of a chunk, up to the first that is bad. Through an interface the loop would cost memory.
func (s *stream) feed(p []byte) (err error) {
	if s.other != nil {
		return s.feedOther(p)
	}
	for e := range s.sse.Feed(p) {
		if err == nil {
			err = s.read(e)
		}
	}
	return err
}

func (s *stream) feedOther(p []byte) (err error) {
	for e := range s.other.Feed(p) {
		if err == nil {
			err = s.read(e)
		}
	}
	return err
}

// Close drops an event that was cut off within its data, as a client does, and passes one that only lacks its blank line:
// there are servers that end so, and clients that read it.
func (s *stream) Close() ([]byte, error) {
	e, whole := s.framing().Close()
	s.out = passing{split: true}
	err := s.read(e)
	switch {
	case err == nil:
		s.open = len(e.Raw) > 0 && !whole && (!e.Fires() || len(s.queue) == 0)
	case !whole:
		err = nil
	}
	if err == nil && s.gate != nil {
		if err = s.gate.end(); err == nil {
			err = s.release()
		}
	}
	return s.passed(err)
}

func (s *stream) passed(err error) ([]byte, error) {
	out := s.out.bytes()
	s.out = passing{}
	if err != nil {
		s.queue, s.waiting = nil, 0
	}
	return out, err
}

// Cut ends the stream behind what has passed. There is no message to tell where no request was read, or the model's own has ended.
func (s *stream) Cut(r filters.Refusal) []byte {
	r.AsMessage = r.AsMessage && s.x.LLM != nil && !s.client.over
	end := s.dialect.CutEvent(r, &s.client)
	if s.open {
		return append([]byte("\n\n"), end...)
	}
	return end
}

// Held is how many bytes are held back.
func (s *stream) Held() int64 {
	n := s.framing().Buffered() + s.waiting
	if s.gate != nil {
		n += s.gate.held
	}
	return int64(n)
}

// read reads an event, and passes what is decided with it.
func (s *stream) read(raw sse.Event) error {
	if !raw.Fires() {
		s.out.pass(raw.Raw)
		return nil
	}
	e := &s.event
	*e = Event{Event: raw, Judged: s.gate != nil, Pieces: e.Pieces[:0]}
	if len(raw.Data) > 0 {
		s.json.Reset(raw.Data)
		if err := s.dialect.ReadEvent(&s.json, e); err != nil {
			return upstream(err)
		}
	}
	s.x.Response.Events++
	if s.gate == nil || e.Quiet && len(e.Pieces) == 0 {
		s.out.pass(raw.Raw)
		return nil
	}
	if err := s.gate.take(e); err != nil {
		return err
	}
	e.stops = s.gate.ended
	if len(s.queue) == 0 && s.gate.ready(e) {
		return s.pass(e)
	}
	if s.waiting += len(e.Raw) + perQueued; s.waiting+s.gate.held > MaxHeld {
		return tooMuch()
	}
	s.out.copying()
	s.queue = append(s.queue, e.own())
	return s.release()
}

// release passes the events at the head of the queue that are decided.
func (s *stream) release() error {
	n := 0
	for ; n < len(s.queue) && s.gate.ready(&s.queue[n]); n++ {
		e := &s.queue[n]
		s.waiting -= len(e.Raw) + perQueued
		s.out.copying()
		if err := s.pass(e); err != nil {
			return err
		}
	}
	clear(s.queue[:n])
	if s.queue = s.queue[n:]; len(s.queue) == 0 {
		s.queue = nil
	}
	return nil
}

func (s *stream) pass(e *Event) error {
	changed, err := s.gate.conclude(e)
	if err != nil {
		return err
	}
	if n, ok := s.dialect.(Following); ok && n.Passes(e) {
		changed = true
	}
	s.client.note(e)
	if changed {
		s.out.copying()
		s.out.own = s.dialect.WriteEvent(s.out.own, e)
	} else {
		s.out.pass(e.Raw)
	}
	return nil
}

// own is the event in memory of its own.
func (e *Event) own() Event {
	out := *e
	out.Raw, out.Name, out.ID = bytes.Clone(e.Raw), bytes.Clone(e.Name), nil
	if at := bytes.Index(e.Raw, e.Data); at >= 0 {
		out.Data = out.Raw[at : at+len(e.Data)]
	} else {
		out.Data = bytes.Clone(e.Data)
	}
	out.Pieces = append([]Piece(nil), e.Pieces...)
	return out
}

// passing collects what passes of a chunk: the beginning of the chunk itself, as long as that is all.
type passing struct {
	p     []byte
	n     int    // bytes of p that pass
	own   []byte // what passes
	split bool   // it is not the beginning of p
}

func (o *passing) pass(raw []byte) {
	if o.split {
		o.own = append(o.own, raw...)
	} else {
		o.n += len(raw)
	}
}

// copying says that something else passes, or something not.
func (o *passing) copying() {
	if !o.split {
		o.split = true
		o.own = append(o.own, o.p[:o.n]...)
	}
}

func (o *passing) bytes() []byte {
	if o.split {
		return o.own
	}
	return o.p[:o.n:o.n]
}
