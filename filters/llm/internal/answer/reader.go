// Package answer is what the readers of model answers share: which answers may pass, what is held, and how an answer is cut.
//
// It promises that nothing of a successful answer passes unread: a JSON answer is held until it is whole, a stream passes one
// whole event at a time. Since clients act on whole events only, holding an unfinished one delays nothing that they could show,
// and no cut ever has to repair a half event. An error of the upstream (status 400 and above) passes in any case.
//
// It does not judge content, and does not know any dialect: that is the [Protocol]. A reader serves one answer in one goroutine.
// Memory is bounded by MaxBody, MaxError and sse.DefaultLimit.
package answer

import (
	"errors"
	"strconv"

	"bartizan/filters"
	"bartizan/filters/strictjson"
)

// Limits of what is held, in bytes.
const (
	MaxBody  = 32 << 20 // of a JSON answer; it equals the largest request that providers take
	MaxError = 1 << 20  // of an error answer; a larger one flows through unread
)

// Protocol reads the answers of one dialect into the exchange. It holds the state of one answer. A method must change the
// exchange only when d.End says that its input was whole, and return that error otherwise.
type Protocol interface {
	Event(d *strictjson.Decoder, data []byte) error // one SSE event that has data
	Body(d *strictjson.Decoder) error               // the whole of a JSON answer
	CutEvent(r filters.Refusal) []byte              // what ends a stream
	CutBody(r filters.Refusal) []byte               // what stands in the place of a JSON answer
}

// New returns the reader for the status and media type of x.
func New(x *filters.Exchange, p Protocol) (filters.ResponseReader, error) {
	switch status, mediaType := x.Response.Status, x.Response.MediaType; {
	case status >= 400:
		return &failure{x: x, body: func(held []byte) error { return p.Body(strictjson.New(held)) }, cut: p.CutBody}, nil
	case status < 200 || status >= 300:
		return nil, unjudged("", "status "+strconv.Itoa(status)+" is no answer of a model") // a redirect leads the caller past us
	case mediaType == "application/json":
		return &whole{x: x, p: p}, nil
	case mediaType == "text/event-stream":
		return &stream{x: x, p: p}, nil
	default:
		return nil, unjudged("", "media type "+strconv.Quote(mediaType[:min(len(mediaType), 100)])+" is no answer of a model")
	}
}

// unjudged is the error for an answer that must not pass.
func unjudged(pointer, message string) error {
	return &filters.BodyError{Kind: filters.RefusedUpstream, Pointer: pointer, Message: "the provider's answer cannot be judged: " + message}
}

// upstream turns what is wrong with JSON, which for a request is the caller's fault, into the upstream's.
func upstream(err error) error {
	var be *filters.BodyError
	if errors.As(err, &be) {
		return unjudged(be.Pointer, be.Message)
	}
	return err
}
