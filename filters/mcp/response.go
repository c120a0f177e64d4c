package mcp

import (
	"strconv"

	"bartizan/filters"
	"bartizan/filters/strictjson"
)

// Bounds of answers, in bytes.
const (
	maxJSON  = 32 << 20 // a JSON body is held whole: what is larger does not pass
	maxError = 1 << 20  // the body of an HTTP error is held to be read: what is larger passes unread
	maxAck   = 64 << 10 // the body of an answer to what wants none
)

// Response returns the reader of an answer.
//
// A JSON body is held, read strictly and released whole. A stream is released event by event, each after it was read. So is a
// stream that calls itself JSON, which real servers send. A request is answered in no other form, redirects included: a client
// that followed one would pass the gateway by. What answers a notification or a DELETE, where no client reads the body, may be
// anything small. Errors of HTTP always pass.
//
// Response.Complete is set once the response with the request's id was seen in a stream, and at the end of any other body.
func (c *Codec) Response(x *filters.Exchange, judge filters.AnswerJudge) (filters.ResponseReader, error) {
	a := &answer{x: x, judge: judge, content: newCollector(x)}
	switch {
	case x.Response.Status >= 400:
		return &errorBody{answer: a}, nil
	case x.Response.Status < 200 || x.Response.Status >= 300:
		return nil, upstream("the server answered with status " + strconv.Itoa(x.Response.Status))
	case x.Response.MediaType == "text/event-stream":
		return &stream{answer: a}, nil
	case x.Response.MediaType == "application/json" && !a.unread():
		return &jsonBody{answer: a}, nil
	default:
		return &smallBody{answer: a}, nil
	}
}

func upstream(message string) error {
	return &filters.BodyError{Kind: filters.RefusedUpstream, Message: message}
}

// asUpstream turns an error of the strict reader into one about the server.
func asUpstream(be *filters.BodyError) error {
	return &filters.BodyError{Kind: filters.RefusedUpstream, Pointer: be.Pointer, Message: "the server's answer is malformed: " + be.Message}
}

// answer is what all readers of one answer share.
type answer struct {
	x        *filters.Exchange
	judge    filters.AnswerJudge // nil: nothing to say
	content  *collector
	decoder  strictjson.Decoder // kept from event to event
	released bool               // the body has passed as a whole, or its beginning has: there is nothing left to replace
}

// wanted tells whether the client waits for a response: its message has an id.
func (a *answer) wanted() bool { return a.x.MCP != nil && a.x.MCP.ID != nil }

// unread tells whether no client looks at the body, whatever it says.
func (a *answer) unread() bool { return a.x.MCP != nil && a.x.MCP.Method == OperationDelete }

// end marks that a held body has passed as a whole.
func (a *answer) end() {
	a.released, a.x.Response.Complete = true, true
}

// cutJSON is the body in the place of one that was held.
func (a *answer) cutJSON(r filters.Refusal) []byte {
	if a.released {
		return nil
	}
	return refusal(a.x, r)
}

// emptyMsg tells of an answer without a body to a request: its client would wait, or find no response where it needs one.
const emptyMsg = "the server's answer is empty"

// smallBody reads an answer to what wants none.
type smallBody struct {
	*answer
	held []byte
	err  error
}

func (b *smallBody) Write(p []byte) ([]byte, error) {
	switch {
	case b.err != nil || len(p) == 0:
	case b.wanted():
		b.err = upstream("the server's answer is neither JSON nor an event stream")
	case len(b.held)+len(p) > maxAck:
		b.err = upstream("the server's answer to a message that wants none exceeds 64 KiB")
	default:
		b.held = append(b.held, p...)
	}
	return nil, b.err
}

func (b *smallBody) Close() ([]byte, error) {
	if b.err == nil && b.wanted() {
		b.err = upstream(emptyMsg)
	}
	if b.err != nil {
		return nil, b.err
	}
	b.content.foreign(b.held)
	b.end()
	return b.held, nil
}

func (b *smallBody) Cut(r filters.Refusal) []byte { return b.cutJSON(r) }

// errorBody reads the body of an HTTP error. It never fails: what it cannot read passes all the same, since the status already
// tells the client that there is no result.
type errorBody struct {
	*answer
	held []byte
}

func (b *errorBody) Write(p []byte) ([]byte, error) {
	if b.released {
		return p, nil
	}
	b.held = append(b.held, p...)
	if len(b.held) <= maxError {
		return nil, nil
	}
	b.released = true
	b.content.overflow()
	out := b.held
	b.held = nil
	return out, nil
}

func (b *errorBody) Close() ([]byte, error) {
	if !b.released && b.read(b.held) != nil {
		b.content.foreign(b.held)
	}
	b.end()
	return b.held, nil
}

func (b *errorBody) Cut(r filters.Refusal) []byte { return b.cutJSON(r) }
