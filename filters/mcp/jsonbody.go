package mcp

import (
	"bytes"

	"bartizan/filters"
	"bartizan/filters/strictjson"
)

// jsonBody reads an answer that calls itself JSON. It turns into a stream when its first byte says that it is one: so do some
// servers label their streams. The bytes that can begin a stream can begin no JSON value, so that no client can read it otherwise.
type jsonBody struct {
	*answer
	held   []byte
	begun  bool // the first byte that is no white space has come, and may begin JSON
	stream *stream
	err    error
}

func (b *jsonBody) Write(p []byte) ([]byte, error) {
	switch {
	case b.stream != nil:
		return b.stream.Write(p)
	case b.err != nil:
		return nil, b.err
	case len(b.held)+len(p) > maxJSON:
		b.err = upstream("the server's answer exceeds 32 MiB")
		return nil, b.err
	}
	b.held = append(b.held, p...)
	if b.begun {
		return nil, nil
	}
	return b.begin()
}

// begin looks at the first byte that is no white space.
func (b *jsonBody) begin() ([]byte, error) {
	first := bytes.TrimLeft(b.held, " \t\r\n")
	if len(first) == 0 {
		return nil, nil
	}
	space := b.held[:len(b.held)-len(first)]
	switch {
	case bytes.IndexByte([]byte(":deir"), first[0]) >= 0 && !bytes.ContainsAny(space, " \t"):
		b.stream = &stream{answer: b.answer}
		held := b.held
		b.held = nil
		return b.stream.Write(held)
	case first[0] == '{', !b.wanted() && first[0] != '[': // to what wants no answer, servers send null, {} or a text
		b.begun = true
	default:
		b.err = upstream("the server's answer is not one JSON-RPC message")
	}
	return nil, b.err
}

func (b *jsonBody) Close() ([]byte, error) {
	if b.stream != nil {
		return b.stream.Close()
	}
	out := b.held
	switch {
	case b.err != nil:
	case b.begun:
		out, b.err = b.whole()
	case b.wanted():
		b.err = upstream(emptyMsg)
	}
	if b.err != nil {
		return nil, b.err
	}
	b.end()
	return out, nil
}

func (b *jsonBody) whole() ([]byte, error) {
	body := bytes.TrimSpace(b.held)
	if b.wanted() || body[0] == '{' && string(body) != "{}" {
		return b.read(b.held)
	}
	if err := strictjson.Validate(body); err != nil {
		return nil, upstream("the server's answer is not JSON")
	}
	return b.held, b.foreign(body)
}

func (b *jsonBody) Cut(r filters.Refusal) []byte {
	if b.stream != nil {
		return b.stream.Cut(r)
	}
	return b.cutJSON(r)
}

// Held is how many bytes are held back.
func (b *jsonBody) Held() int64 {
	if b.stream != nil {
		return b.stream.Held()
	}
	return int64(len(b.held))
}
