package mcp

import (
	"bytes"

	"bartizan/filters"
	"bartizan/filters/sse"
)

// stream reads an answer of Server-Sent Events. An event passes once it is whole and read: earlier, a client could do nothing
// with it, and so nothing has to be undone when the stream is cut.
type stream struct {
	*answer
	events sse.Reader
	err    error
}

func (s *stream) Write(p []byte) ([]byte, error) {
	var out []byte
	for event := range s.events.Feed(p) {
		if s.err == nil {
			out, s.err = s.event(out, event)
		}
	}
	if s.err == nil && s.events.Err() != nil {
		s.err = upstream("an event of the server's answer exceeds 8 MiB")
	}
	return out, s.err
}

// event appends an event to out as it may go on.
func (s *stream) event(out []byte, e sse.Event) ([]byte, error) {
	if !e.Fires() {
		if err := plainText(e.Raw); err != nil {
			return out, err
		}
		return append(out, e.Raw...), nil
	}
	s.x.Response.Events++
	if len(e.Data) == 0 { // 2025-11-25 begins a stream like that, to hand out an event id
		return append(out, e.Raw...), nil
	}
	data, err := s.read(e.Data) // whatever the event is called: clients differ in which names they heed
	switch {
	case err != nil:
		return out, err
	case data == nil: // an event without data: a client keeps its id for a resumption, and sees nothing
		return sse.Replace(out, e, nil), nil
	case len(data) == len(e.Data) && &data[0] == &e.Data[0]:
		return append(out, e.Raw...), nil
	}
	return sse.Replace(out, e, data), nil
}

// plainText refuses a JSON body that calls itself a stream: as a stream it is empty, to a client that looks at its first byte not.
func plainText(raw []byte) error {
	begin := bytes.TrimLeft(bytes.TrimPrefix(raw, []byte("\ufeff")), " \t\r\n")
	if len(begin) > 0 && (begin[0] == '{' || begin[0] == '[') {
		return upstream("the server's event stream is not one")
	}
	return nil
}

// Close judges what stands behind the last blank line. By the standard clients drop it, but not all do. A server that broke off
// in the middle of an event fails here, and its client gets a response instead of silence.
func (s *stream) Close() ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	rest, _ := s.events.Close()
	if len(rest.Raw) == 0 {
		return nil, nil
	}
	out, err := s.event(nil, rest)
	s.err = err
	return out, err
}

// Cut ends the stream with a response to the request, unless the client has one already.
func (s *stream) Cut(r filters.Refusal) []byte {
	if s.wanted() && s.x.Response.Complete {
		return nil
	}
	return sse.Append(nil, "message", refusal(s.x, r))
}

// Held is how many bytes are held back.
func (s *stream) Held() int64 { return int64(s.events.Buffered()) }
