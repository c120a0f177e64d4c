// Package answer is what the readers of model answers share: which answers may pass, what is held, how the parts of an answer are judged,
// and how an answer is cut.
//
// It promises that nothing of a successful answer passes unread: a JSON answer is held until it is whole, a stream passes one
// whole event at a time. Since clients act on whole events only, holding an unfinished one delays nothing that they could show,
// and no cut ever has to repair a half event. An error of the upstream (status 400 and above) passes in any case.
//
// Where there is a judge, each part of an answer (a text, a tool call, the result of a server tool) is decided by itself, and an event
// passes when all that it says is decided and all before it has passed, byte for byte unless something in it changes. A tool call is held
// until it is whole; where it may not pass, a text that says why stands in its place. A text flows at once, unless a rule that may withhold
// it depends on what it says. What a pattern may still match is held back until it is known. An event that carries nothing waits for
// nothing. What is decided does not depend on where the stream was cut into chunks, nor on whether the answer is streamed.
//
// It does not know any dialect: that is the [Dialect]. A reader serves one answer in one goroutine. Memory is bounded by MaxBody, MaxError,
// MaxHeld and the framing's limit; an answer that wants more is cut.
package answer

import (
	"errors"
	"strconv"

	"bartizan/filters"
)

// Limits of what is held, in bytes.
const (
	MaxBody  = 32 << 20 // of a JSON answer; it equals the largest request that providers take
	MaxError = 1 << 20  // of an error answer; a larger one flows through unread
)

// New returns the reader for the status and media type of x, whose parts judge decides about; nil: nobody does.
func New(x *filters.Exchange, judge filters.AnswerJudge, d Dialect) (filters.ResponseReader, error) {
	switch status, mediaType := x.Response.Status, x.Response.MediaType; {
	case status >= 400:
		return &failure{x: x, dialect: d}, nil
	case status < 200 || status >= 300:
		return nil, unjudged("", "status "+strconv.Itoa(status)+" is no answer of a model") // a redirect leads the caller past us
	case mediaType == "application/json" && framing(d, mediaType) == nil:
		w := &whole{x: x, dialect: d}
		if judge != nil {
			w.gate = newGate(x, judge)
		}
		return w, nil
	default:
		s := &stream{x: x, dialect: d}
		if mediaType != "text/event-stream" {
			if s.other = framing(d, mediaType); s.other == nil {
				return nil, unjudged("", "media type "+strconv.Quote(mediaType[:min(len(mediaType), 100)])+" is no answer of a model")
			}
		}
		if judge != nil {
			s.gate = newGate(x, judge)
		}
		return s, nil
	}
}

func framing(d Dialect, mediaType string) Framing {
	if f, ok := d.(Framed); ok {
		return f.Framing(mediaType)
	}
	return nil
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
