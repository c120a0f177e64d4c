package gemini

import (
	"iter"
	"strconv"
	"strings"

	"bartizan/filters"
	"bartizan/filters/llm/internal/request"
)

// DecodeRequest reads the address and the body of a request into x.LLM and x.Blocks. After an error x is as before.
func (Codec) DecodeRequest(x *filters.Exchange, body []byte) error {
	model, stream, err := target(x)
	if err != nil {
		return err
	}
	r := &reader{Builder: request.New(x, body)}
	r.LLM.Model, r.LLM.Stream = model, stream
	r.body()
	if r.Err() == nil && !r.content {
		return malformed("", "want contents")
	}
	return r.Finish(x, true)
}

// reader reads one request.
type reader struct {
	*request.Builder
	fields
	content bool // there is something that the model is to read
}

// object yields the members of the object that is next, in one spelling.
func (r *reader) object() iter.Seq[[]byte] { return r.of(r.Decoder) }

func (r *reader) each(one func()) { each(r.Decoder, one) }

// body reads a request, or one that stands in another: what tokens are counted of, and the requests of a batch.
func (r *reader) body() {
	for name := range r.object() {
		r.Field(string(name))
		switch string(name) {
		case "model":
			r.model()
		case "contents", "content":
			r.content = true
			r.turns()
		case "systemInstruction":
			r.turn("system")
		case "tools":
			r.each(r.tool)
		case "generationConfig":
			r.config()
		case "cachedContent": // turns before these, which lie at the provider
			d := filters.Declaration{Kind: filters.DeclaresHistory, Name: r.String()}
			d.Pointer = r.Pointer()
			r.Declare(d)
		case "title": // of a document to embed
			r.AddText(filters.Block{Origin: filters.OriginDocument, Role: "user"})
		case "generateContentRequest", "batch", "inputConfig", "request":
			r.body()
		case "requests":
			r.each(r.body)
		case "fileName": // the requests of a batch, in a file at the provider
			r.content = true
			r.file("fileName", filters.Block{Origin: filters.OriginDocument, Role: "user"})
		}
	}
}

// turns reads a list of turns, or one.
func (r *reader) turns() {
	if r.Kind() == '[' {
		r.LLM.Messages += r.Each(func() { r.turn("") })
		return
	}
	r.LLM.Messages++
	r.turn("")
}

// model holds a model that the body names against the one in the path, which is what the provider goes by.
func (r *reader) model() {
	if name := r.String(); strings.TrimPrefix(name, "models/") != r.LLM.Model {
		r.Fail("the body names another model than the path")
	}
}

// config reads what of the configuration says how much may be answered, what the model reads, and by what other model it answers.
func (r *reader) config() {
	for name := range r.object() {
		switch string(name) {
		case "maxOutputTokens":
			r.LLM.MaxTokens = r.number()
		case "responseMimeType":
			r.JSON = r.String() == "application/json"
		case "responseSchema", "responseJsonSchema":
			n := len(r.Blocks)
			if r.AddJSON(filters.Block{Origin: filters.OriginUser, Role: "user"}); len(r.Blocks) > n {
				r.Format(r.Blocks[n].Data.Bytes())
			}
		case "routingConfig", "modelConfig": // of other endpoints of this API: no model rule would see it otherwise
			r.routing()
		}
	}
}

func (r *reader) routing() {
	if r.Kind() != '{' {
		return
	}
	for name := range r.object() {
		switch string(name) {
		case "manualMode":
			r.routing()
		case "modelName", "model":
			d := filters.Declaration{Kind: filters.DeclaresFallback, Name: r.String()}
			d.Pointer = r.Pointer()
			r.Declare(d)
		}
	}
}

// number reads an integer, which may stand in a string.
func (r *reader) number() int64 {
	if r.Kind() != '"' {
		return r.Int64()
	}
	n, err := strconv.ParseInt(r.String(), 10, 64)
	if err != nil {
		r.Fail("want an integer")
	}
	return n
}
