package bedrock

import (
	"encoding/base64"

	"bartizan/filters"
	"bartizan/filters/llm/anthropic"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/llm/internal/request"
	"bartizan/filters/redact"
)

// Treat edits texts and JSON, and puts a text in the place of what else is a piece of content of its own. A body within a request to
// count tokens is edited and put back.
func (Codec) Treat(x *filters.Exchange, body []byte, treatments []filters.Treatment) error {
	switch op := x.Route.Operation; {
	case invokes(op):
		return anthropic.Codec{}.Treat(x, body, treatments)
	case op == CountTokens:
		if within, err := find(body); err == nil && within.body != nil {
			return within.treat(x, treatments)
		}
	}
	return request.Treat(x, body, treatments, func(_ *filters.Block, quoted string) string { return `{"text":` + quoted + `}` })
}

func (e *embedded) treat(x *filters.Exchange, treatments []filters.Treatment) error {
	if err := (anthropic.Codec{}).Treat(x, e.body, treatments); err != nil || len(x.Edits) == 0 {
		return err
	}
	text := base64.StdEncoding.EncodeToString(redact.Apply(e.body, x.Edits))
	x.Edits = []filters.Edit{{Start: e.start, End: e.end, With: []byte(answer.Quote(text))}}
	return nil
}
