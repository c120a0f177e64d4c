// Package sse frames Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6).
//
// It promises that a stream yields the same events with the same raw bytes however it is cut into chunks, that the raw bytes of
// all events together are the stream, and that an event larger than the limit is an error instead of memory. An event is given
// out with the byte that ends it; only where a stream ends its lines by a bare CR, with the byte behind, since that might be LF.
//
// It does not decode: invalid UTF-8 passes as it is, and what data means is the caller's to judge.
//
// A Reader holds the bytes of one unfinished event and little else, so that thousands of streams cost little. It belongs to one
// goroutine. Its only failure is [ErrTooLarge], after which it yields nothing more.
package sse
