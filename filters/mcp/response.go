package mcp

import (
	"errors"
	"strconv"
	"unicode/utf8"

	"bartizan/filters"
)

// Bounds of answers, in bytes.
const (
	maxJSON  = 32 << 20 // a JSON body is held whole: what is larger does not pass
	maxError = 1 << 20  // the body of an HTTP error is held to be read: what is larger does not pass
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
	a := &answer{x: x, judge: judge, registry: c.registry, server: c.registry.Server(x.Route.Target)}
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
	if b.err = b.foreign(b.held); b.err != nil {
		return nil, b.err
	}
	b.end()
	return b.held, nil
}

func (b *smallBody) Cut(r filters.Refusal) []byte { return b.cutJSON(r) }

// foreign judges a body that is no message. What a rule wants changed in it cannot be: it is refused as a whole.
func (a *answer) foreign(body []byte) error {
	if len(body) == 0 || a.judge == nil {
		return nil
	}
	b := filters.Block{Role: "tool", Origin: filters.OriginToolResult, MediaType: "application/octet-stream", Data: filters.Plain(body)}
	if utf8.Valid(body) {
		b.MediaType = "text/plain"
	}
	blocks := []filters.Block{b}
	a.x.Response.Content.Add(blocks)
	a.x.Response.Message = filters.Message{}
	if d := a.judge.Judge(a.x, filters.AnswerMessage, blocks); d.Action >= filters.ActionDeny || len(d.Treatments) > 0 {
		return &filters.DeniedError{Verdict: *d.Deciding}
	}
	return nil
}

// errorBody reads the body of an HTTP error. What it cannot read passes all the same once it is judged, since the status already tells
// the client that there is no result.
type errorBody struct {
	*answer
	held []byte
	err  error
}

func (b *errorBody) Write(p []byte) ([]byte, error) {
	if b.err == nil && len(b.held)+len(p) > maxError {
		b.err, b.held = upstream("the server's error exceeds 1 MiB"), nil
	}
	if b.err == nil {
		b.held = append(b.held, p...)
	}
	return nil, b.err
}

func (b *errorBody) Close() ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	out, err := b.read(b.held)
	if unreadable(err) {
		out, err = b.held, b.foreign(b.held)
	}
	if b.err = err; err != nil {
		return nil, err
	}
	b.end()
	return out, nil
}

// unreadable tells of an error that a body is no message, and not that it may not pass.
func unreadable(err error) bool {
	var be *filters.BodyError
	return errors.As(err, &be) && be.Kind == filters.RefusedUpstream
}

func (b *errorBody) Cut(r filters.Refusal) []byte { return b.cutJSON(r) }
