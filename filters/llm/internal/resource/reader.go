package resource

import (
	"errors"
	"strings"

	"bartizan/filters"
	"bartizan/filters/llm/internal/request"
)

// reader reads one request, or one answer.
type reader struct {
	*request.Builder
	codec filters.Codec // of the dialect
	x     *filters.Exchange
	fault error // of a request within a batch
}

// newReader reads a body that is JSON.
func newReader(codec filters.Codec, x *filters.Exchange, body []byte) *reader {
	return &reader{Builder: request.New(x, body), codec: codec, x: x}
}

// newPartsReader reads a body that is none, or of parts that are read one by one.
func newPartsReader(codec filters.Codec, x *filters.Exchange) *reader {
	r := newReader(codec, x, []byte("null"))
	r.Skip()
	return r
}

// finish fills x, unless something was wrong.
func (r *reader) finish(err error) error {
	switch {
	case err != nil:
		return err
	case r.fault != nil:
		return r.fault
	case r.x.Route.Operation == embeddings && r.LLM.Model == "":
		return malformed("/model", "want the name of a model")
	}
	if r.x.Route.Operation == modelsRetrieve {
		model, err := named(r.x.Request.Path)
		if err != nil {
			return err
		}
		r.model(model)
	}
	err = r.Fill(r.x)
	if claimed := &r.x.Claimed; err == nil && r.x.Route.Operation != embeddings {
		claimed.Class, claimed.ClassDerived, claimed.Turn = "", false, 0 // this is no call of a model: it has none, and counts no tokens
	}
	return err
}

// json reads the whole body as JSON.
func (r *reader) json() error {
	if r.Kind() != '{' {
		r.value(content(""))
		return r.End()
	}
	for name := range r.Fields() {
		r.member(string(name))
	}
	return r.End()
}

// member reads a member of the body.
func (r *reader) member(name string) {
	block := content(name)
	switch text := r.Kind() == '"'; {
	case name == "requests" && r.x.Route.Operation == batchCreate:
		r.batch()
	case name == "model" && text:
		r.model(r.String())
	case name == "user" && text:
		r.UserID = r.String()
	case (name == "input_file_id" || name == "file_id") && text:
		r.declare(filters.DeclaresFile, r.String())
	case strings.HasPrefix(r.x.Route.Operation, deployments) && r.deployment(name):
	case name == "purpose" && text && r.x.Route.Operation == uploadCreate:
		if r.AddText(block); r.Err() == nil && string(r.Blocks[len(r.Blocks)-1].Data.Bytes()) == purposeBatch {
			r.Fail(batchInParts)
		}
	default:
		r.value(block)
	}
}

// content is a block of what stands in a member of the body, or in the body itself.
func content(member string) filters.Block {
	return filters.Block{Role: "user", Origin: filters.OriginUser, Name: member}
}

// value collects every string of a value; a list that holds numbers, which may be a text as tokens, it collects as it stands.
func (r *reader) value(block filters.Block) {
	switch r.Kind() {
	case '"':
		r.AddText(block)
	case '{':
		for range r.Object() {
			r.value(block)
		}
	case '[':
		first, mark, numbers := len(r.Blocks), r.Mark(), false
		for range r.Array() {
			numbers = numbers || r.Kind() == '0'
			r.value(block)
		}
		if numbers {
			r.AddRest(first, mark, block)
		}
	default:
		r.Skip()
	}
}

// model notes a model that is named: the first is the request's.
func (r *reader) model(name string) {
	if r.LLM.Model == "" {
		r.LLM.Model = name
	}
	r.Model(name)
}

// batch reads requests of {custom_id, params}, whose params are those of a call (https://docs.anthropic.com/en/api/creating-message-batches).
func (r *reader) batch() {
	for range r.Array() {
		for name := range r.Object() {
			if string(name) != "params" {
				r.value(content(string(name)))
				continue
			}
			params := r.Value()
			start, _ := r.Range()
			if r.Err() == nil && r.fault == nil {
				r.fault = r.call("messages", params, place{start, r.Pointer()})
			}
		}
	}
}

// place is where a call stands in the body.
type place struct {
	start   int
	pointer string
}

// call reads the body of a call of a model that stands within this one.
func (r *reader) call(operation string, body []byte, at place) (err error) {
	x := filters.Exchange{Route: r.x.Route, Request: r.x.Request}
	x.Route.Operation = operation
	if operation == embeddings {
		inner := newReader(r.codec, &x, body)
		err = inner.finish(inner.json())
	} else {
		err = r.codec.DecodeRequest(&x, body)
	}
	if err != nil {
		return within(err, at.pointer)
	}
	return r.take(&x, at)
}

// within says of an error where the body stands that it is about.
func within(err error, pointer string) error {
	var be *filters.BodyError
	if !errors.As(err, &be) {
		return err
	}
	moved := *be
	moved.Pointer = pointer + be.Pointer
	return &moved
}

// take takes over what was found in a call.
func (r *reader) take(x *filters.Exchange, at place) error {
	r.LLM.Messages += x.LLM.Messages
	r.LLM.MaxTokens = max(r.LLM.MaxTokens, x.LLM.MaxTokens)
	for _, name := range x.LLM.Models {
		r.model(name)
	}
	for _, name := range x.LLM.Fields {
		r.Field(name)
	}
	for _, name := range x.LLM.Betas {
		r.Beta(name)
	}
	if r.UserID == "" {
		r.UserID = x.Claimed.UserID
	}
	for _, t := range x.LLM.Tools {
		t.Pointer = at.pointer + t.Pointer
		r.Tool(t)
	}
	for _, d := range x.LLM.Declarations {
		d.Pointer = at.pointer + d.Pointer
		r.Declare(d)
	}
	for _, b := range x.Blocks {
		r.Add(at.move(b))
	}
	return r.Err()
}

// move is a block of a call as one of the body around it.
func (p place) move(b filters.Block) filters.Block {
	b.Pointer = p.pointer + b.Pointer
	b.Start, b.End = b.Start+p.start, b.End+p.start
	if b.Part != (filters.Span{}) {
		b.Part = filters.Span{Start: b.Part.Start + p.start, End: b.Part.End + p.start}
	}
	return b
}
