package answer

import (
	"strconv"

	"bartizan/filters"
	"bartizan/filters/sse"
	"bartizan/filters/strictjson"
)

// stream passes whole events on as they come.
type stream struct {
	x      *filters.Exchange
	p      Protocol
	events sse.Reader
	json   strictjson.Decoder
	open   bool // what was passed last did not end its event
}

// Write returns the events that are whole now. With an error it returns those before the bad one, which may still pass.
func (s *stream) Write(p []byte) ([]byte, error) {
	var (
		err     error
		started = s.events.Buffered() > 0
		pieces  []byte // where the first event began in an earlier chunk, p does not hold all that passes
		n       int
	)
	for e := range s.events.Feed(p) {
		if err = s.judge(e); err != nil {
			break
		}
		if n += len(e.Raw); started {
			pieces = append(pieces, e.Raw...)
		}
	}
	if s.events.Err() != nil && err == nil {
		err = unjudged("", "an event is larger than "+strconv.Itoa(sse.DefaultLimit>>20)+" MiB")
	}
	if started {
		return pieces, err
	}
	return p[:n:n], err
}

// Close drops an event that was cut off within its data, as a client does, and passes one that only lacks its blank line:
// there are servers that end so, and clients that read it.
func (s *stream) Close() ([]byte, error) {
	e, whole := s.events.Close()
	err := s.judge(e)
	switch {
	case err == nil:
		s.open = len(e.Raw) > 0 && !whole
		return e.Raw, nil
	case whole:
		return nil, err
	default:
		return nil, nil
	}
}

func (s *stream) Cut(r filters.Refusal) []byte {
	end := s.p.CutEvent(r)
	if s.open {
		return append([]byte("\n\n"), end...)
	}
	return end
}

func (s *stream) judge(e sse.Event) error {
	if !e.Fires() {
		return nil
	}
	if len(e.Data) > 0 {
		s.json.Reset(e.Data)
		if err := s.p.Event(&s.json, e.Data); err != nil {
			return upstream(err)
		}
	}
	s.x.Response.Events++
	return nil
}
