// Package resource reads the operations of model APIs beside the calls of models: files, uploads, batches, skills, lists of models,
// stored answers, embeddings, scheduled deployments.
//
// It promises that whatever a request carries becomes a block: every string of a JSON body; every part of a multipart body, whole,
// as a document with its media type and file name, or as a field with its name; a body that is a file, where the dialect says so, as a document;
// and that a batch is read as the requests that it holds, each by the codec of its dialect. Bodies of other media types are refused, and so is a multipart body that two readers may split in two ways.
// What is packed within a document (an archive, a PDF) is not unpacked. An answer passes as it comes; where a rule is about answers it is held
// whole, up to [MaxHeld] bytes, and judged: JSON and JSON Lines by their strings, anything else as one document. A list of models is held where its
// caller may not use all of them, and shows those that he may; what is no list of models is refused then. A stored answer of a model is
// read as an answer, by the codec of its dialect.
//
// A Codec holds nothing and is safe for concurrent use. What is wrong with a body is a *filters.BodyError.
package resource

import (
	"mime"
	"strings"

	"bartizan/filters"
)

// Codec is the codec of a dialect, for these operations too.
type Codec struct {
	filters.Codec        // reads calls of models, treats blocks and refuses; it may be Addressed
	Models        Models // what lists of models show; nil: all
}

// Models decides what a list of models shows. A value is safe for concurrent use.
type Models interface {
	// Shown returns what tells whether the caller of x may use a model, by the name that requests have for it; nil: he may use all. It is for one exchange.
	Shown(x *filters.Exchange) (admits func(model string) bool)
}

// Addressed is a codec of a dialect in which more than the path and the content-type say what a request means.
type Addressed interface {
	// Document checks the address and the headers, and returns the document that the body is; nil: the content-type says what it is.
	Document(x *filters.Exchange) (*filters.Block, error)
}

// Is tells whether an operation is read here: by the last word of its name.
func Is(operation string) bool {
	switch operation[strings.LastIndexByte(operation, '.')+1:] {
	case "create", "list", "retrieve", "content", "delete", "cancel", "complete", "parts", "results", "input_items", embeddings,
		"update", "archive", "run", "pause", "unpause":
		return true
	}
	return false
}

// Operations that carry calls of models, or their input.
const (
	embeddings   = "embeddings"
	batchCreate  = "messages.batches.create"
	uploadCreate = "uploads.create"
)

// Operations whose answer is one of a model, which gave it before.
const (
	retrieveResponse = "responses.retrieve"
	cancelResponse   = "responses.cancel"
)

const batchInParts = "the requests of a batch have to be uploaded as one file: in parts they cannot be judged"

// DecodeRequest reads the body of a request into x. After an error x is as before.
func (c Codec) DecodeRequest(x *filters.Exchange, body []byte) error {
	if !Is(x.Route.Operation) {
		return c.Codec.DecodeRequest(x, body)
	}
	var document *filters.Block
	if a, ok := c.Codec.(Addressed); ok {
		var err error
		if document, err = a.Document(x); err != nil {
			return err
		}
	}
	if len(body) == 0 {
		return newPartsReader(c.Codec, x).finish(nil)
	}
	if document != nil {
		document.Data, document.End, document.Raw = filters.Plain(body), len(body), true
		r := newPartsReader(c.Codec, x)
		r.Add(*document)
		return r.finish(r.Err())
	}
	contentType := x.Request.Headers["content-type"]
	mediaType, params, err := mime.ParseMediaType(contentType)
	switch {
	case contentType == "", err == nil && mediaType == "application/json":
		r := newReader(c.Codec, x, body)
		return r.finish(r.json())
	case err == nil && mediaType == "multipart/form-data" && !strings.Contains(contentType, "*"): // some readers prefer boundary* to boundary
		r := newPartsReader(c.Codec, x)
		return r.finish(r.form(body, params["boundary"]))
	default:
		return malformed("", "want a body of application/json or multipart/form-data, with one content-type")
	}
}

func malformed(pointer, message string) error {
	return &filters.BodyError{Kind: filters.RefusedMalformed, Pointer: pointer, Message: message}
}
